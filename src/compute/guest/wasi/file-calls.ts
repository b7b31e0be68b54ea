import { call } from './calls.js'
import type { WasiCall } from './calls.js'
import { OpenDescriptor } from '../volume/descriptors.js'
import type { OpenFolder } from '../volume/descriptors.js'
import { APPEND, FILE_TYPE, timeToSet, typeOf, writeFdstat, writeFilestat } from './layout.js'
import type { Machine } from './machine.js'
import { refuse } from '../stops.js'

const MOST_PARTS = 1024
/** Most bytes that one call reads or writes; the program handles the rest like any short read. */
const MOST_MOVED = 64 << 20
/** Largest offset; files are always smaller. */
const FAR = BigInt(Number.MAX_SAFE_INTEGER)
const DIRENT_BYTES = 24
/** Items that an entry of a listing counts as, because entries are sorted. */
const ENTRY_ITEMS = 2

/** The `fd_` calls, on open descriptors. */
export function fileCalls({ memory, account, clock, descriptors }: Machine): Record<string, WasiCall> {
  /** The parts of memory that a read or write names, cut at `MOST_MOVED` bytes. */
  function parts(at: number, count: number): Uint8Array[] {
    if (count > MOST_PARTS) refuse('invalid')
    account.items(count)
    const found: Uint8Array[] = []
    let room = MOST_MOVED
    for (let i = 0; i < count && room > 0; i++) {
      const part = memory.slice(memory.u32(at + 8 * i), memory.u32(at + 8 * i + 4))
      found.push(part.subarray(0, room))
      room -= Math.min(room, part.byteLength)
    }
    return found
  }

  function read({ node }: OpenDescriptor, to: Uint8Array[], position: number): number {
    const before = position
    for (const part of to) {
      const bytes = node.bytes.subarray(position, position + part.byteLength)
      account.bytes(bytes.byteLength)
      part.set(bytes)
      position += bytes.byteLength
    }
    return position - before
  }

  function write({ node }: OpenDescriptor, from: Uint8Array[], position: number): number {
    const length = from.reduce((sum, part) => sum + part.byteLength, 0)
    if (length === 0) return 0
    account.bytes(length)
    grow(node, position + length)
    for (const part of from) {
      node.bytes.set(part, position)
      position += part.byteLength
    }
    node.changed = clock.now
    return length
  }

  /** Reads or writes at the position of a descriptor, which then stands behind the bytes. */
  function advance(open: OpenDescriptor, move: typeof read, parts: Uint8Array[], result: number): void {
    const moved = move(open, parts, open.position)
    open.position += moved
    memory.setU32(result, moved)
  }

  function grow(node: OpenDescriptor['node'], size: number): void {
    if (size <= node.size) return
    account.bytes(Math.min(size, node.volume.quota.bytes) - node.size)
    node.resize(size)
  }

  function sought(fd: number): OpenDescriptor {
    const open = descriptors.file(fd)
    if (!open.seeks) refuse('noSeek')
    return open
  }

  function reads(open: OpenDescriptor): OpenDescriptor {
    return open.reads ? open : refuse('badFile')
  }

  function writes(open: OpenDescriptor): OpenDescriptor {
    return open.writes ? open : refuse('badFile')
  }

  function near(offset: bigint): number {
    return offset > FAR ? refuse('tooLarge') : Number(offset)
  }

  function list(open: OpenFolder, at: number, room: number, cookie: bigint): number {
    const { node } = open
    if (cookie === 0n) {
      account.items(ENTRY_ITEMS * (node.size + 2))
      open.listing = [['.', node], ['..', node.parent ?? node], ...node.sorted]
    }
    let used = 0
    for (let i = near(cookie); i < open.listing.length && used < room; i++) {
      const [name, child] = open.listing[i]!
      const text = Buffer.from(name)
      const entry = Buffer.alloc(DIRENT_BYTES + text.byteLength)
      entry.writeBigUInt64LE(BigInt(i + 1))
      entry.writeBigUInt64LE(BigInt(child.inode), 8)
      entry.writeUInt32LE(text.byteLength, 16)
      entry[20] = typeOf(child)
      text.copy(entry, DIRENT_BYTES)
      const part = entry.subarray(0, room - used)
      account.bytes(part.byteLength)
      memory.slice(at + used, part.byteLength).set(part)
      used += part.byteLength
    }
    return used
  }

  return {
    fd_advise: call('iIIi', fd => void descriptors.file(fd)),
    fd_allocate: call('iII', (fd, offset, length) => grow(writes(sought(fd)).node, near(offset + length))),
    fd_close: call('i', fd => descriptors.close(fd)),
    fd_datasync: call('i', fd => void descriptors.get(fd)),
    fd_sync: call('i', fd => void descriptors.get(fd)),
    fd_fdstat_get: call('ii', (fd, at) => writeFdstat(memory, at, descriptors.get(fd))),
    fd_fdstat_set_flags: call('ii', (fd, flags) => {
      const open = descriptors.file(fd)
      open.append = (flags & APPEND) !== 0
    }),
    fd_fdstat_set_rights: call('iII', fd => void descriptors.get(fd)),
    fd_filestat_get: call('ii', (fd, at) => {
      const open = descriptors.get(fd)
      const stream = open instanceof OpenDescriptor && !open.seeks
      writeFilestat(memory, at, open.node, stream ? FILE_TYPE.unknown : typeOf(open.node))
    }),
    fd_filestat_set_size: call('iI', (fd, size) => {
      const { node } = writes(sought(fd))
      const to = near(size)
      if (to > node.size) grow(node, to)
      else node.resize(to)
      node.changed = clock.now
    }),
    fd_filestat_set_times: call('iIIi', (fd, _accessed, changed, flags) => {
      const { node } = descriptors.get(fd)
      if (!node.volume.writable) refuse('readOnly')
      node.changed = timeToSet(flags, changed, clock.now) ?? node.changed
    }),
    fd_read: call('iiii', (fd, at, count, result) => {
      advance(reads(descriptors.file(fd)), read, parts(at, count), result)
    }),
    fd_pread: call('iiiIi', (fd, at, count, offset, result) => {
      memory.setU32(result, read(reads(sought(fd)), parts(at, count), near(offset)))
    }),
    fd_write: call('iiii', (fd, at, count, result) => {
      const open = writes(descriptors.file(fd))
      if (open.append) open.position = open.node.size
      advance(open, write, parts(at, count), result)
    }),
    fd_pwrite: call('iiiIi', (fd, at, count, offset, result) => {
      memory.setU32(result, write(writes(sought(fd)), parts(at, count), near(offset)))
    }),
    fd_seek: call('iSii', (fd, offset, whence, result) => {
      const open = sought(fd)
      const from = [0, open.position, open.node.size][whence] ?? refuse('invalid')
      const to = BigInt(from) + offset
      if (to < 0n) refuse('invalid')
      open.position = near(to)
      memory.setU64(result, to)
    }),
    fd_tell: call('ii', (fd, result) => memory.setU64(result, sought(fd).position)),
    fd_readdir: call('iiiIi', (fd, at, room, cookie, result) => {
      memory.setU32(result, list(descriptors.folder(fd), at, room, cookie))
    }),
    fd_renumber: call('ii', (from, to) => descriptors.renumber(from, to)),
    fd_prestat_get: call('ii', (fd, at) => {
      const open = descriptors.get(fd)
      if (open instanceof OpenDescriptor || open.preopen === null) refuse('badFile')
      memory.setU32(at, 0)
      memory.setU32(at + 4, open.preopen.length)
    }),
    fd_prestat_dir_name: call('iii', (fd, at, length) => {
      const open = descriptors.get(fd)
      if (open instanceof OpenDescriptor || open.preopen === null) refuse('badFile')
      if (length < open.preopen.length) refuse('nameTooLong')
      memory.slice(at, open.preopen.length).set(Buffer.from(open.preopen))
    })
  }
}
