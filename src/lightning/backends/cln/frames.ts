const OPEN = 0x7b
const CLOSE = 0x7d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const BLANKS = new Set([0x20, 0x09, 0x0a, 0x0d])

/** Most bytes of one answer. The list of a hundred thousand payments is smaller. */
export const MAX_ANSWER = 64 << 20

/**
 * Splits a byte stream into JSON objects. Braces inside strings do not count, so a payee's description cannot break the
 * framing. Throws on data outside an object and on an object above the limit.
 */
export class Frames {
  readonly #limit: number
  /** Start of an incomplete object. The buffer doubles, so many small pieces cost linear time. */
  #kept = Buffer.alloc(0)
  #bytes = 0
  #depth = 0
  #inString = false
  #escaped = false

  constructor(limit = MAX_ANSWER) {
    this.#limit = limit
  }

  /** Bytes of the incomplete object. */
  get pending(): number {
    return this.#bytes
  }

  /** Returns the text of each object that ends in this piece. */
  push(piece: Buffer): string[] {
    const objects: string[] = []
    let start = this.#depth > 0 ? 0 : -1
    for (let i = 0; i < piece.byteLength; i++) {
      const byte = piece[i]!
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false
        else if (byte === BACKSLASH) this.#escaped = true
        else if (byte === QUOTE) this.#inString = false
      } else if (this.#depth === 0) {
        if (BLANKS.has(byte)) continue
        if (byte !== OPEN) throw new Error('it sent something that is not a JSON object')
        this.#depth = 1
        start = i
      } else if (byte === QUOTE) this.#inString = true
      else if (byte === OPEN) this.#depth++
      else if (byte === CLOSE && --this.#depth === 0) {
        this.#keep(piece.subarray(start, i + 1))
        objects.push(this.#kept.toString('utf8', 0, this.#bytes))
        this.#kept = Buffer.alloc(0)
        this.#bytes = 0
        start = -1
      }
    }
    if (start >= 0) this.#keep(piece.subarray(start))
    return objects
  }

  #keep(part: Buffer): void {
    const bytes = this.#bytes + part.byteLength
    if (bytes > this.#limit) throw new Error(`its answer has more than ${this.#limit} bytes`)
    if (bytes > this.#kept.byteLength) {
      const room = Buffer.allocUnsafe(Math.min(this.#limit, Math.max(bytes, 2 * this.#kept.byteLength)))
      this.#kept.copy(room, 0, 0, this.#bytes)
      this.#kept = room
    }
    part.copy(this.#kept, this.#bytes)
    this.#bytes = bytes
  }
}

/**
 * JSON.parse without loss of precision: an integer of 16 or more digits becomes a string (group ids and amounts may have
 * 64 bits).
 */
export function readJSON(text: string): unknown {
  return JSON.parse(/\d{16}/.test(text) ? quoteLongIntegers(text) : text) as unknown
}

const LONG = 16

function quoteLongIntegers(text: string): string {
  const pieces: string[] = []
  let copied = 0
  for (let i = 0; i < text.length;) {
    const char = text[i]!
    if (char === '"') i = endOfString(text, i)
    else if (char === '-' || (char >= '0' && char <= '9')) {
      let end = i + 1
      while (end < text.length && NUMERIC.has(text[end]!)) end++
      const number = text.slice(i, end)
      if (number.replace('-', '').length >= LONG && /^-?\d+$/.test(number)) {
        pieces.push(text.slice(copied, i), '"', number, '"')
        copied = end
      }
      i = end
    } else i++
  }
  pieces.push(text.slice(copied))
  return pieces.join('')
}

const NUMERIC = new Set('0123456789+-.eE')

/** Index after the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i + 1
}
