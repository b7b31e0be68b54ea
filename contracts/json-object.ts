/** Parses JSON that must be an object. Throws an Error whose message is one line and quotes nothing of the text. */
export function objectOf(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // The parser's own message quotes the text, over several lines.
    throw new Error('it is not JSON', { cause: error })
  }
  if (typeof value !== 'object' || value === null) throw new Error('it is not a JSON object')
  return value as Record<string, unknown>
}
