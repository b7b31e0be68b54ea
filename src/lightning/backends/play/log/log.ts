import fs from 'node:fs'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { syncFolderSync } from '../../../../base/disk/atomic-file.js'

const MAGIC = Buffer.from('BuL1')
const HEADER = 16 // magic, length of the body, checksum of the body, checksum of the twelve bytes before
const DELETED = 0xffffffff
const COMPACT_MIN = 1024 * 1024
const COMPACT_FACTOR = 3
const COMPACT_CHUNK = 1024 * 1024

/** Position of a key's value in the file. */
interface RecordPosition {
  offset: number
  length: number
}

export interface CommitLogOptions {
  /** The file is not compacted below this size, bytes. */
  compactMin?: number
}

export class DamagedLogError extends Error {}

/**
 * A key-value store on disk with atomic batches. Each batch is one frame, appended and synced; a last frame that a crash
 * left incomplete is ignored. When the file exceeds a multiple of its live data, the live data is written to a new file
 * that replaces it. Only one process at a time may open it.
 */
export class CommitLog {
  readonly #file: string
  readonly #compactMin: number
  readonly #places = new Map<string, RecordPosition>()
  #fd: number
  #size = 0
  #live = 0
  #compactAbove: number

  /** Opens or creates the file. Throws DamagedLogError when valid frames follow a broken one. */
  constructor(file: string, { compactMin = COMPACT_MIN }: CommitLogOptions = {}) {
    this.#file = file
    this.#compactMin = compactMin
    this.#compactAbove = compactMin
    fs.rmSync(temporary(file), { force: true })
    this.#fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600)
    syncFolderSync(path.dirname(file))
    try {
      this.#load(fs.readFileSync(file))
    } catch (error) {
      fs.closeSync(this.#fd)
      throw error
    }
  }

  /** Size of the file, bytes. */
  get size(): number {
    return this.#size
  }

  get(key: string): Buffer | null {
    const place = this.#places.get(key)
    if (!place) return null
    const value = Buffer.allocUnsafe(place.length)
    readFully(this.#fd, value, place.offset)
    return value
  }

  *keys(prefix = ''): Generator<string> {
    for (const key of this.#places.keys()) if (key.startsWith(prefix)) yield key
  }

  /** Writes a batch (null deletes a key): all of it is on disk when this returns, none of it when this throws. */
  commit(changes: ReadonlyMap<string, Uint8Array | null>): void {
    if (!changes.size) return
    const frame = encodeFrame(changes)
    try {
      writeFully(this.#fd, frame, this.#size)
      fs.fdatasyncSync(this.#fd)
    } catch (error) {
      fs.ftruncateSync(this.#fd, this.#size)
      throw error
    }
    this.#index(frame.subarray(HEADER), this.#size + HEADER)
    this.#size += frame.length
    if (this.#size > this.#compactAbove && this.#size > this.#live * COMPACT_FACTOR) this.#compact()
  }

  close(): void {
    fs.closeSync(this.#fd)
    this.#fd = -1
  }

  #load(bytes: Buffer): void {
    let offset = 0
    for (;;) {
      const body = readFrame(bytes, offset)
      if (!body) break
      this.#index(body, offset + HEADER)
      offset += HEADER + body.length
    }
    this.#size = offset
    if (offset === bytes.length) return
    for (let at = bytes.indexOf(MAGIC, offset + 1); at !== -1; at = bytes.indexOf(MAGIC, at + 1)) {
      if (readFrame(bytes, at)) throw new DamagedLogError(`damaged at byte ${offset}: ${this.#file}`)
    }
    fs.ftruncateSync(this.#fd, offset)
    fs.fdatasyncSync(this.#fd)
  }

  #index(body: Buffer, start: number): void {
    for (const { key, offset, length } of entries(body)) {
      const old = this.#places.get(key)
      if (old) this.#live -= old.length + key.length
      if (length === null) this.#places.delete(key)
      else {
        this.#places.set(key, { offset: start + offset, length })
        this.#live += length + key.length
      }
    }
  }

  #compact(): void {
    const target = temporary(this.#file)
    const fd = fs.openSync(target, 'w+', 0o600)
    let size = 0
    let chunk = new Map<string, Buffer>()
    let chunkBytes = 0
    const flush = (): void => {
      if (!chunk.size) return
      const frame = encodeFrame(chunk)
      writeFully(fd, frame, size)
      size += frame.length
      chunk = new Map()
      chunkBytes = 0
    }
    try {
      for (const [key, { length }] of this.#places) {
        chunk.set(key, this.get(key) as Buffer)
        chunkBytes += length
        if (chunkBytes > COMPACT_CHUNK) flush()
      }
      flush()
      fs.fsyncSync(fd)
      fs.renameSync(target, this.#file)
    } catch {
      // The old file is intact and stays in use (the disk may be full); the next attempt comes when it has doubled.
      fs.closeSync(fd)
      fs.rmSync(target, { force: true })
      this.#compactAbove = this.#size * 2
      return
    }
    fs.closeSync(this.#fd)
    this.#fd = fd
    this.#places.clear()
    this.#live = 0
    this.#compactAbove = this.#compactMin
    this.#load(fs.readFileSync(this.#file))
    syncFolderSync(path.dirname(this.#file))
  }
}

function temporary(file: string): string {
  return `${file}.new`
}

function encodeFrame(changes: ReadonlyMap<string, Uint8Array | null>): Buffer {
  const parts: Uint8Array[] = [Buffer.alloc(HEADER)]
  for (const [key, value] of changes) {
    const name = Buffer.from(key)
    const head = Buffer.alloc(6)
    head.writeUInt16LE(name.length, 0)
    head.writeUInt32LE(value ? value.length : DELETED, 2)
    parts.push(head, name)
    if (value) parts.push(value)
  }
  const frame = Buffer.concat(parts)
  MAGIC.copy(frame)
  frame.writeUInt32LE(frame.length - HEADER, 4)
  frame.writeUInt32LE(crc32(frame.subarray(HEADER)), 8)
  frame.writeUInt32LE(crc32(frame.subarray(0, 12)), 12)
  return frame
}

/** The body of a valid frame at `offset`, or null. */
function readFrame(bytes: Buffer, offset: number): Buffer | null {
  if (offset + HEADER > bytes.length || !bytes.subarray(offset, offset + 4).equals(MAGIC)) return null
  if (bytes.readUInt32LE(offset + 12) !== crc32(bytes.subarray(offset, offset + 12))) return null
  const start = offset + HEADER
  const end = start + bytes.readUInt32LE(offset + 4)
  if (end > bytes.length) return null
  const body = bytes.subarray(start, end)
  return crc32(body) === bytes.readUInt32LE(offset + 8) ? body : null
}

function* entries(body: Buffer): Generator<{ key: string; offset: number; length: number | null }> {
  for (let at = 0; at < body.length;) {
    const nameLength = body.readUInt16LE(at)
    const valueLength = body.readUInt32LE(at + 2)
    const offset = at + 6 + nameLength
    const key = body.toString('utf8', at + 6, offset)
    const length = valueLength === DELETED ? null : valueLength
    yield { key, offset, length }
    at = offset + (length ?? 0)
  }
}

function writeFully(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done)
  }
}

function readFully(fd: number, into: Buffer, position: number): void {
  for (let done = 0; done < into.length;) {
    const read = fs.readSync(fd, into, done, into.length - done, position + done)
    if (read === 0) throw new DamagedLogError('the file is shorter than it was')
    done += read
  }
}
