import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync
} from 'node:fs'
import { dirname } from 'node:path'
import { MIB } from '../../../contracts/money/quantity.js'

export interface LogFileOptions {
  /** Bytes of one file at the most. */
  maxBytes?: number
  /** Older files that are kept beside it: FILE.1 is the newest. */
  keep?: number
  /** Lines cannot be written any more; called once, until one could be written again. */
  onfailed?: (error: unknown) => void
}

const MODE = 0o600
const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants

/**
 * A log file that its owner alone can read, with a bounded number of older ones. A line is with the operating system when
 * `write` returns, so that the last one before a crash is there. What cannot be written is counted and left out: nothing
 * waits for the disk, and the next line is tried again.
 */
export class LogFile {
  readonly file: string
  readonly #maxBytes: number
  readonly #keep: number
  readonly #onfailed: (error: unknown) => void
  #handle: number | null = null
  #size = 0
  /** Lines that could not be written since the last one that could. */
  #lost = 0
  #torn = false

  constructor(
    file: string,
    { maxBytes = 8 * MIB, keep = 4, onfailed = () => undefined }: LogFileOptions = {}
  ) {
    this.file = file
    this.#maxBytes = maxBytes
    this.#keep = keep
    this.#onfailed = onfailed
  }

  /** True while lines are lost. */
  get failing(): boolean {
    return this.#lost > 0
  }

  /** A line, with its end. */
  write(line: string): void {
    try {
      const lost = this.#lost > 0 ? lostLine(this.#lost) : ''
      const bytes = Buffer.from((this.#torn ? '\n' : '') + lost + line)
      this.#makeRoom(bytes.byteLength)
      this.#append(bytes)
      this.#lost = 0
    } catch (error) {
      if (this.#lost++ === 0) this.#onfailed(error)
      this.close() // the next line opens it anew: the disk may have been mounted again, or the folder made
    }
  }

  close(): void {
    if (this.#handle === null) return
    try {
      closeSync(this.#handle)
    } catch {
      // a file that cannot be closed has nothing more to give
    }
    this.#handle = null
  }

  #append(bytes: Buffer): void {
    const handle = this.#handle!
    for (let at = 0; at < bytes.byteLength;) {
      const written = writeSync(handle, bytes, at)
      at += written
      this.#size += written
      this.#torn = at < bytes.byteLength
    }
  }

  #makeRoom(bytes: number): void {
    this.#handle ??= this.#open()
    if (this.#size === 0 || this.#size + bytes <= this.#maxBytes) return
    try {
      this.#rotate()
    } catch {
      // The folder may not be written, the file may: what is newest is worth more than what is oldest.
      this.#handle ??= this.#open()
      ftruncateSync(this.#handle, 0)
      this.#size = 0
    }
  }

  #open(): number {
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 })
    // Without O_NONBLOCK a pipe in its place would keep the whole process waiting for a reader.
    const handle = openSync(this.file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, MODE)
    try {
      const stat = fstatSync(handle)
      if (!stat.isFile()) throw new Error(`${this.file} is not a file`)
      if ((stat.mode & 0o777) !== MODE) fchmodSync(handle, MODE)
      this.#size = stat.size
      return handle
    } catch (error) {
      closeSync(handle)
      throw error
    }
  }

  #rotate(): void {
    for (let n = this.#keep - 1; n > 0; n--) renameIfThere(`${this.file}.${n}`, `${this.file}.${n + 1}`)
    renameSync(this.file, `${this.file}.1`)
    this.close()
    this.#handle = this.#open()
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function lostLine(lines: number): string {
  const line = {
    time: new Date().toISOString(),
    level: 'warn',
    part: 'log',
    message: 'log lines could not be written',
    lines
  }
  return JSON.stringify(line) + '\n'
}
