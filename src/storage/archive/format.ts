import { KIB } from '../../../contracts/money/quantity.js'

/** Plaintext bytes of a block; the last one of a file may be shorter. Encryption adds 8. */
export const BLOCK_BYTES = 256 * KIB

/** Where Hyperdrive keeps its entries in its Hyperbee: this prefix, then the path with a leading `/`. */
const ENTRIES = Buffer.from('files\0')
export const ENTRY_RANGE = { gt: ENTRIES, lt: Buffer.from('files\x01') }

/** What a packed drive says of itself, in the user data of its Hyperbee's header; other tools pass over it. */
export interface DriveNote {
  bushel: 1
  /** Whether the drive is one file, to be restored as the destination itself, or a folder. */
  root: 'file' | 'folder'
  /** Every block of a file but its last has this many bytes. */
  blockBytes: number
}

/** What an entry's metadata says of a packed file. */
export interface FileNote {
  /** Hex, of the contents. */
  sha256: string
}

export function entryKey(path: string): Buffer {
  return Buffer.concat([ENTRIES, Buffer.from(`/${path}`)])
}

/** The path of an entry, without its leading `/`, or null where the key is not UTF-8 or does not begin with one. */
export function entryPath(key: Buffer): string | null {
  const path = key.subarray(ENTRIES.byteLength)
  const text = path.toString()
  return text.startsWith('/') && Buffer.from(text).equals(path) ? text.slice(1) : null
}

export function encodeNote(note: DriveNote): Buffer {
  return Buffer.from(JSON.stringify(note))
}

/** Null for a drive that another tool made, or whatever it may hold. */
export function decodeNote(bytes: Buffer | null | undefined): DriveNote | null {
  if (!bytes || bytes.byteLength > 1024) return null
  let note: Partial<DriveNote> | null
  try {
    note = JSON.parse(bytes.toString()) as Partial<DriveNote> | null
  } catch {
    return null // another tool's own user data
  }
  if (note?.bushel !== 1 || (note.root !== 'file' && note.root !== 'folder')) return null
  if (!Number.isSafeInteger(note.blockBytes) || note.blockBytes! < 1) return null
  return { bushel: 1, root: note.root, blockBytes: note.blockBytes! }
}

/** The SHA-256 that an entry's metadata names, or null. */
export function notedSum(metadata: unknown): string | null {
  if (typeof metadata !== 'object' || metadata === null || !('sha256' in metadata)) return null
  const { sha256 } = metadata
  return typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null
}
