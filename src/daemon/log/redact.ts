import z32 from 'z32'
import { formatKey } from '../../../contracts/keys/key.js'
import type { Fields, LogLine } from '../../base/logger.js'

/** A line as it may be shown and kept: texts, numbers and truths alone, bounded, without secrets. */
export interface PlainLine {
  at: number
  level: LogLine['level']
  part: string
  message: string
  fields: Record<string, string | number | boolean>
  /** What failed, with where it came from. */
  error?: { name: string; code?: string; stack: string }
}

export type Redact = (line: LogLine) => PlainLine

const GONE = '[redacted]'
const MAX_TEXT = 2_000
const MAX_STACK = 8_000
const MAX_CAUSES = 3
/** Fields that are secret by their name, whatever they hold. */
const SECRET_NAME = /words|mnemonic|seed|secret|preimage|private|encryption|link/i
/** The key to what is stored stands in a link. */
const LINK = /bushel:\/\/[^\s"'<>]+/gi
const PREIMAGE = /(preimage\W{0,4})[0-9a-f]{64}/gi
/** As many words of three to eight letters, with nothing between them, as prose has hardly ever: words of an identity. */
const WORDS = /(?<![a-z])(?:[a-z]{3,8}[\s,]+){11,}[a-z]{3,8}(?![a-z])/gi

/** The one place where what must not be read is taken out of a line. `secrets` are bytes that are known to be such. */
export function redactor(secrets: readonly Buffer[] = []): Redact {
  const known = secrets.flatMap(textsOf)
  const clean = (text: string, most = MAX_TEXT): string => {
    let plain = text.replace(LINK, `bushel://${GONE}`).replace(PREIMAGE, `$1${GONE}`).replace(WORDS, GONE)
    for (const secret of known) plain = plain.replaceAll(secret, GONE)
    return plain.length > most ? `${plain.slice(0, most)}…` : plain
  }
  const valueOf = (value: Fields[string]): string | number | boolean => {
    if (Buffer.isBuffer(value))
      return clean(value.byteLength === 32 ? formatKey(value) : value.toString('hex'))
    return typeof value === 'string' || typeof value === 'bigint' ? clean(String(value)) : value!
  }
  return ({ at, level, part, message, fields, error }) => {
    const plain: PlainLine = { at, level, part, message: clean(message), fields: {} }
    for (const [name, value] of Object.entries(fields)) {
      if (value === null || value === undefined) continue
      plain.fields[name] = SECRET_NAME.test(name) ? GONE : valueOf(value)
    }
    if (error !== undefined) plain.error = failureOf(error, clean)
    return plain
  }
}

function failureOf(error: unknown, clean: (text: string, most?: number) => string): PlainLine['error'] {
  if (!(error instanceof Error)) return { name: typeof error, stack: clean(String(error)) }
  const { code } = error as { code?: unknown }
  const stacks: string[] = []
  for (let at: unknown = error; at instanceof Error && stacks.length < MAX_CAUSES; at = at.cause)
    stacks.push(at.stack ?? at.message)
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code: clean(code) } : {}),
    stack: clean(stacks.join('\ncaused by: '), MAX_STACK)
  }
}

/** Every way in which bytes are written in texts here. */
function textsOf(secret: Buffer): string[] {
  return [secret.toString('hex'), secret.toString('base64').replace(/=+$/, ''), z32.encode(secret)]
}
