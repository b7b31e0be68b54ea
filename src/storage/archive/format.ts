import { KIB } from '../../../contracts/money/quantity.js'
import { permissionsOf } from '../../files/modes.js'

/** Plaintext bytes of a block; the last block of a file may be shorter. Encryption adds 8 bytes. */
export const BLOCK_BYTES = 256 * KIB

/** Key prefix of Hyperdrive's entries in its Hyperbee; the path with a leading `/` follows. */
const ENTRIES = Buffer.from('files\0')
/** Key prefix of Bushel's own entries for folders, which other tools do not list; the path follows. */
const FOLDERS = Buffer.from('folders\0')
export const FOLDER_RANGE = { gt: FOLDERS, lt: Buffer.from('folders\x01') }
export const ENTRY_RANGE = { gt: ENTRIES, lt: Buffer.from('files\x01') }

/** Bushel's description of a packed drive, in the user data of its Hyperbee header; other tools ignore it. */
export interface DriveNote {
  bushel: 1
  /** `file`: the drive holds one file, which is restored as the destination itself. */
  root: 'file' | 'folder'
  /** Bytes of every block of a file except its last. */
  blockBytes: number
}

export interface FolderEntry {
  /** Permission bits. */
  mode: number
}

export function folderKey(path: string): Buffer {
  return Buffer.concat([FOLDERS, Buffer.from(`/${path}`)])
}

export function folderPath(key: Buffer): string {
  return key.subarray(FOLDERS.byteLength + 1).toString()
}

export function entryKey(path: string): Buffer {
  return Buffer.concat([ENTRIES, Buffer.from(`/${path}`)])
}

/** The path of an entry without its leading `/`; null when the key is not UTF-8 or has no leading `/`. */
export function entryPath(key: Buffer): string | null {
  const path = key.subarray(ENTRIES.byteLength)
  const text = path.toString()
  return text.startsWith('/') && Buffer.from(text).equals(path) ? text.slice(1) : null
}

export function encodeNote(note: DriveNote): Buffer {
  return Buffer.from(JSON.stringify(note))
}

/** Null when the bytes are not a valid note, for example in a drive made by another tool. */
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

/** The SHA-256 in an entry's metadata, hex; or null. */
export function notedSum(metadata: unknown): string | null {
  if (typeof metadata !== 'object' || metadata === null || !('sha256' in metadata)) return null
  const { sha256 } = metadata
  return typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null
}

/** The permission bits in an entry's metadata, or in the entry of a folder; or null. */
export function notedMode(noted: unknown): number | null {
  if (typeof noted !== 'object' || noted === null || !('mode' in noted)) return null
  const { mode } = noted
  return typeof mode === 'number' && Number.isInteger(mode) && mode >= 0 ? permissionsOf(mode) : null
}
