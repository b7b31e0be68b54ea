/** Turns keys into bytes that sort as the keys do. `T` is the type of the key, or a tuple of several parts. */
export interface KeyCodec<T> {
  write(key: T): Buffer
  /** Writes the leading parts of a key of several parts. */
  writePrefix(prefix: Prefix<T>): Buffer
  /** Reads the key that begins at `at`; `end` is where it ends. */
  read(from: Buffer, at: number): { key: T; end: number }
}

/** The first parts of a key, at least one of them; all of a key of one part. */
export type Prefix<T> = T extends readonly [unknown, ...unknown[]] ? Leading<T> : T
type Leading<T extends readonly unknown[]> = T extends readonly [infer First, ...infer Rest]
  ? readonly [First] | readonly [First, ...(Rest extends readonly [] ? [] : Leading<Rest>)]
  : never

function simple<T>(write: (key: T) => Buffer, read: KeyCodec<T>['read']): KeyCodec<T> {
  return { write, writePrefix: key => write(key as T), read }
}

/** Bytes of a fixed length: a key, a hash, an id. */
export function bytes(length: number): KeyCodec<Buffer> {
  return simple(
    key => {
      if (key.byteLength !== length) throw new RangeError(`a key has ${key.byteLength} bytes, not ${length}`)
      return key
    },
    (from, at) => ({ key: from.subarray(at, at + length), end: at + length })
  )
}

/** A whole number from 0 to 2^53 - 1: a time in ms, a sequence number. */
export const uint: KeyCodec<number> = simple(
  key => {
    if (!Number.isSafeInteger(key) || key < 0) throw new RangeError(`${key} is not a whole number`)
    const written = Buffer.alloc(8)
    written.writeBigUInt64BE(BigInt(key))
    return written
  },
  (from, at) => ({ key: Number(from.readBigUInt64BE(at)), end: at + 8 })
)

/** Text without the character 0. */
export const text: KeyCodec<string> = simple(
  key => {
    if (key.includes('\0')) throw new RangeError('a key has the character 0')
    return Buffer.from(`${key}\0`)
  },
  (from, at) => {
    const end = from.indexOf(0, at)
    return { key: from.toString('utf8', at, end), end: end + 1 }
  }
)

/** A key of several parts, sorted by the first, then the second, and so on. */
export function parts<T extends readonly [unknown, unknown, ...unknown[]]>(
  ...codecs: { readonly [I in keyof T]: KeyCodec<T[I]> }
): KeyCodec<T> {
  const list = codecs as readonly KeyCodec<unknown>[]
  const write = (values: readonly unknown[]): Buffer =>
    Buffer.concat(values.map((value, i) => list[i]!.write(value)))
  return {
    write,
    writePrefix: prefix => write(prefix as readonly unknown[]),
    read(from, at) {
      const key: unknown[] = []
      let end = at
      for (const codec of list) {
        const part = codec.read(from, end)
        key.push(part.key)
        end = part.end
      }
      return { key: key as unknown as T, end }
    }
  }
}

/** The smallest key that is larger than all keys that begin with `prefix`, which has a byte other than 255. */
export function after(prefix: Buffer): Buffer {
  let last = prefix.byteLength - 1
  while (prefix[last] === 0xff) last--
  const next = Buffer.from(prefix.subarray(0, last + 1))
  next[last]! += 1
  return next
}
