import { OpenDescriptor } from '../volume/descriptors.js'
import type { Open } from '../volume/descriptors.js'
import type { GuestMemory } from './memory.js'
import { Folder } from '../volume/volume.js'
import type { Node } from '../volume/volume.js'

/** WASI file types. The standard streams have the type `unknown`, like pipes, so that they are not terminals. */
export const FILE_TYPE = { unknown: 0, folder: 3, file: 4 } as const

const RIGHTS = {
  read: (1n << 1n) | (1n << 2n) | (1n << 5n) | (1n << 7n),
  write: (1n << 0n) | (1n << 4n) | (1n << 6n) | (1n << 8n) | (1n << 22n) | (1n << 23n),
  file: (1n << 3n) | (1n << 21n) | (1n << 27n),
  folder: (1n << 13n) | (1n << 14n) | (1n << 15n) | (1n << 18n),
  change:
    (1n << 9n) |
    (1n << 10n) |
    (1n << 16n) |
    (1n << 17n) |
    (1n << 19n) |
    (1n << 20n) |
    (1n << 25n) |
    (1n << 26n)
} as const

/** Flags of `path_open`. */
export const OPEN_FLAG = { create: 1, folder: 2, exclusive: 4, truncate: 8 } as const

/** The flag of an open file whose writes go to its end. */
export const APPEND = 1

/** The right to write, in what a program asks for when it opens a file. */
export const WANTS_READ = 1n << 1n
export const WANTS_WRITE = 1n << 6n

export function typeOf(node: Node): number {
  return node instanceof Folder ? FILE_TYPE.folder : FILE_TYPE.file
}

/** Writes an `fdstat`, 24 bytes. */
export function writeFdstat(memory: GuestMemory, at: number, open: Open): void {
  const bytes = memory.slice(at, 24).fill(0)
  const file = (reads: boolean, writes: boolean) =>
    RIGHTS.file | (reads ? RIGHTS.read : 0n) | (writes ? RIGHTS.write : 0n)
  if (open instanceof OpenDescriptor) {
    bytes[0] = open.seeks ? FILE_TYPE.file : FILE_TYPE.unknown
    bytes[2] = open.append ? 1 : 0
    const seeks = open.seeks ? 0n : (1n << 2n) | (1n << 5n)
    memory.setU64(at + 8, file(open.reads, open.writes) & ~seeks)
    return
  }
  const { writable } = open.node.volume
  const folder = RIGHTS.folder | RIGHTS.file | (writable ? RIGHTS.change : 0n)
  bytes[0] = FILE_TYPE.folder
  memory.setU64(at + 8, folder)
  memory.setU64(at + 16, folder | file(true, writable))
}

/** Writes a `filestat`, 64 bytes. */
export function writeFilestat(memory: GuestMemory, at: number, node: Node, type = typeOf(node)): void {
  const bytes = memory.slice(at, 64).fill(0)
  memory.setU64(at, node.volume.writable ? 2 : 1)
  memory.setU64(at + 8, node.inode)
  bytes[16] = type
  memory.setU64(at + 24, node.linked ? 1 : 0)
  memory.setU64(at + 32, node instanceof Folder ? 0 : node.size)
  for (const time of [40, 48, 56]) memory.setU64(at + time, node.changed)
}

/** The time to set, or null to keep it. WASI `flags`: bit 2 sets the given time, bit 3 the current one. */
export function timeToSet(flags: number, given: bigint, now: bigint): bigint | null {
  return flags & 4 ? given : flags & 8 ? now : null
}
