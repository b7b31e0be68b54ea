import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { pause } from '../base/timeouts.js'
import fsx from 'fs-native-extensions'
import { BushelError } from '../../contracts/errors/error.js'

/** Reading the holder takes the lock for an instant, so `take` retries for this long. */
const WAIT_MS = 500
const RETRY_MS = 25

/** The process that has the lock, as it wrote itself into the lock file. */
export interface Holder {
  pid: number
  /** Name of its command. `up` serves other commands through its control socket; others hold the lock while they run. */
  command: string
  /** Path of its control socket, or null. */
  control: string | null
  /** True once it listens there. */
  isUp?: boolean
}

/**
 * The lock that keeps a home to one process. It is a lock of the operating system on an open file, so it ends with the
 * process and never goes stale. The file is never removed, because then two processes could each lock a file of their own.
 */
export class HomeLock {
  readonly #file: string
  #descriptor: number | null

  private constructor(file: string, descriptor: number) {
    this.#file = file
    this.#descriptor = descriptor
  }

  /** Takes the lock. Throws ALREADY_RUNNING, which names the holder's process id. */
  static async take(file: string, holder: Holder): Promise<HomeLock> {
    const descriptor = opened(file, constants.O_RDWR | constants.O_CREAT)
    try {
      for (const until = performance.now() + WAIT_MS; !fsx.tryLock(descriptor); await pause(RETRY_MS)) {
        if (performance.now() >= until) throw alreadyRunning(readHolder(file))
      }
      write(descriptor, holder)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
    return new HomeLock(file, descriptor)
  }

  /** The process that has the lock now, or null. */
  static holder(file: string): Holder | null {
    let descriptor: number
    let shared = false
    try {
      descriptor = openSync(file, constants.O_RDWR)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return null
      // A home that cannot be written can be read, and a lock that others may share needs no more.
      shared = true
      descriptor = opened(file, constants.O_RDONLY)
    }
    try {
      return fsx.tryLock(descriptor, { shared }) ? null : readHolder(file)
    } finally {
      closeSync(descriptor)
    }
  }

  /** Tells other processes of a change of the holder. */
  tell(holder: Holder): void {
    if (this.#descriptor !== null) write(this.#descriptor, holder)
  }

  get file(): string {
    return this.#file
  }

  release(): void {
    if (this.#descriptor === null) return
    ftruncateSync(this.#descriptor)
    closeSync(this.#descriptor)
    this.#descriptor = null
  }
}

function opened(file: string, flags: number): number {
  try {
    return openSync(file, flags, 0o600)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!code || !['EACCES', 'EPERM', 'EROFS'].includes(code)) throw error
    throw new BushelError(
      'BAD_HOME',
      `${dirname(file)} cannot be used as a home: it is not writable; nothing was changed`,
      'make it writable, or give another folder with --home DIR or BUSHEL_HOME'
    ).withCause(error)
  }
}

function write(descriptor: number, holder: Holder): void {
  ftruncateSync(descriptor)
  writeSync(descriptor, JSON.stringify(holder), 0)
}

/** Reads the holder. Between locking and writing the file the holder is unknown: process id 0. */
function readHolder(file: string): Holder {
  const unknown = { pid: 0, command: '', control: null }
  try {
    const { pid, command, control, isUp } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    if (typeof pid !== 'number' || typeof command !== 'string') return unknown
    const holder = { pid, command, control: typeof control === 'string' ? control : null }
    return isUp === true ? { ...holder, isUp } : holder
  } catch {
    return unknown // the holder is writing it at this instant
  }
}

function alreadyRunning({ pid, command }: Holder): BushelError {
  const holder = command && command !== 'up' ? `\`bushel ${command}\`` : 'a node'
  const process = pid > 0 ? ` (process ${pid})` : ''
  return new BushelError(
    'ALREADY_RUNNING',
    `${holder} is already running on this home${process}; nothing was changed`,
    'wait until it ends, stop it, or give another home with --home DIR'
  )
}
