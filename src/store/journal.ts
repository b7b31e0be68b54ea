import { open, readFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import ReadyResource from 'ready-resource'
import { syncFolder } from '../base/atomic-file.js'
import { BushelError } from '../../contracts/errors/error.js'

/** Length of the body, CRC-32 of the body, CRC-32 of these two, so that a wrong length is told from a torn end. */
const HEADER = 12
const PREFIX = 4
/** Most bytes of one `append`. */
const MAX_APPEND = 32 << 20
/** Waiting appends share a frame up to about this many bytes. */
const SHARED = 1 << 20

/**
 * An append-only file of frames, each an atomic batch of entries. An entry is on disk (fdatasync) when `append` resolves;
 * entries of the same turn, or that come during a sync, share a frame. A torn last frame, left by a kill or a power cut,
 * is cut off at the next open; any other bad checksum is corruption and throws.
 */
export class Journal extends ReadyResource {
  readonly file: string
  readonly stats = { entries: 0, bytes: 0, syncs: 0 }
  #handle: FileHandle | null = null
  #onentry: (entry: Buffer) => void
  #queue: { bytes: Buffer; resolve: () => void; reject: (error: unknown) => void }[] = []
  #writing: Promise<void> = Promise.resolve()
  #busy = false
  #failed: BushelError | null = null

  /** `onentry` is called with every entry of the file, in order, during opening. */
  constructor(file: string, onentry: (entry: Buffer) => void = () => undefined) {
    super()
    this.file = file
    this.#onentry = onentry
  }

  /** Reads the entries of a journal that another process may be writing; none when the file does not exist. */
  static async read(file: string, onentry: (entry: Buffer) => void): Promise<void> {
    scan(await contentOf(file), file, onentry)
  }

  protected override async _open(): Promise<void> {
    const bytes = await contentOf(this.file)
    const good = scan(bytes, this.file, entry => {
      this.stats.entries++
      this.#onentry(entry)
    })
    this.#handle = await open(this.file, 'a', 0o600)
    if (good < bytes.byteLength) await this.#handle.truncate(good)
    await this.#handle.datasync()
    await syncFolder(dirname(this.file))
    this.stats.bytes = good
  }

  protected override async _close(): Promise<void> {
    await this.#writing
    await this.#handle?.close()
  }

  /** The error of a failed write, after which the journal refuses every append. */
  get failed(): BushelError | null {
    return this.#failed
  }

  /**
   * Resolves when all of `entries` are on disk; after a kill all of them are there, or none. After a failed write every
   * append is refused, so that the end of the file is known.
   */
  async append(...entries: Buffer[]): Promise<void> {
    if (this.#failed) throw this.#failed
    if (!this.#handle || this.closing) throw closed(this.file)
    if (entries.length === 0) return
    const bytes = Buffer.concat(entries.flatMap(prefixed))
    if (bytes.byteLength > MAX_APPEND)
      throw new RangeError(`an append of ${bytes.byteLength} bytes is larger than ${MAX_APPEND}`)
    this.stats.entries += entries.length
    await new Promise<void>((resolve, reject) => {
      this.#queue.push({ bytes, resolve, reject })
      if (!this.#busy) this.#writing = this.#write()
    })
  }

  async #write(): Promise<void> {
    this.#busy = true
    await turn() // entries of one turn (several payments that settled) share a frame
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, 1)
      let size = batch[0]!.bytes.byteLength
      while (this.#queue.length > 0 && size + this.#queue[0]!.bytes.byteLength <= SHARED) {
        size += this.#queue[0]!.bytes.byteLength
        batch.push(this.#queue.shift()!)
      }
      const bytes = frame(Buffer.concat(batch.map(item => item.bytes)))
      try {
        if (this.#failed) throw this.#failed
        await this.#handle!.appendFile(bytes)
        await this.#handle!.datasync()
        this.stats.bytes += bytes.byteLength
        this.stats.syncs++
        for (const item of batch) item.resolve()
      } catch (error) {
        this.#failed = new BushelError(
          'JOURNAL_FAILED',
          `${this.file} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
          'free some space on the disk and start the node again; earlier records are kept'
        ).withCause(error)
        for (const item of batch) item.reject(this.#failed)
      }
    }
    // Cleared in the turn in which the queue was empty, so that the next append starts a new run.
    this.#busy = false
  }
}

/** Resolves at the end of the turn, when everything that came in has been handled. */
function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

function prefixed(entry: Buffer): Buffer[] {
  const length = Buffer.alloc(PREFIX)
  length.writeUInt32LE(entry.byteLength)
  return [length, entry]
}

function frame(body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER)
  header.writeUInt32LE(body.byteLength, 0)
  header.writeUInt32LE(crc32(body), 4)
  header.writeUInt32LE(crc32(header.subarray(0, 8)), 8)
  return Buffer.concat([header, body])
}

/** The end of the frame at `at`, by its header; null without a valid header. */
function endOf(bytes: Buffer, at: number): number | null {
  if (at + HEADER > bytes.byteLength) return null
  const length = bytes.readUInt32LE(at)
  if (length > 2 * MAX_APPEND) return null
  if (crc32(bytes.subarray(at, at + 8)) !== bytes.readUInt32LE(at + 8)) return null
  return at + HEADER + length
}

/** Calls `onentry` for each entry of a complete frame; returns the offset up to which the file is valid. */
function scan(bytes: Buffer, file: string, onentry: (entry: Buffer) => void): number {
  let at = 0
  while (at < bytes.byteLength) {
    const end = endOf(bytes, at)
    if (end === null) {
      if (frameAfter(bytes, at)) throw damaged(file, at)
      break
    }
    if (end > bytes.byteLength) break
    const body = bytes.subarray(at + HEADER, end)
    if (crc32(body) !== bytes.readUInt32LE(at + 4)) {
      if (end < bytes.byteLength) throw damaged(file, at)
      break
    }
    for (let entry = 0; entry < body.byteLength;) {
      const length = body.readUInt32LE(entry)
      onentry(body.subarray(entry + PREFIX, entry + PREFIX + length))
      entry += PREFIX + length
    }
    at = end
  }
  return at
}

/** Finds a complete frame after a broken one. Only the last frame can be torn, so it proves that the file is damaged. */
function frameAfter(bytes: Buffer, at: number): boolean {
  for (let next = at + 1; next + HEADER < bytes.byteLength; next++) {
    const end = endOf(bytes, next)
    if (end === null || end > bytes.byteLength) continue
    if (crc32(bytes.subarray(next + HEADER, end)) === bytes.readUInt32LE(next + 4)) return true
  }
  return false
}

function damaged(file: string, at: number): BushelError {
  return new BushelError(
    'BAD_JOURNAL',
    `${file} is damaged at byte ${at}`,
    'nothing was changed; restore the file from a copy'
  )
}

function closed(file: string): BushelError {
  return new BushelError('CLOSED', `${file} is closed`)
}
