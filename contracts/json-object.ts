/** The object that a file of JSON holds. Throws, in one line that quotes nothing of it, when it holds none. */
export function objectOf(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // What the parser says quotes the file, over several lines.
    throw new Error('it is not JSON', { cause: error })
  }
  if (typeof value !== 'object' || value === null) throw new Error('it is no object')
  return value as Record<string, unknown>
}
