import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { pause } from '../base/timeouts.js'
import fsx from 'fs-native-extensions'
import { BushelError } from '../../contracts/errors/error.js'

/** A look at the lock holds it for an instant; whoever wants it in earnest tries for longer. */
const PATIENCE_MS = 500
const RETRY_MS = 25

/** Who has a home: what the holder wrote into the lock file. */
export interface Holder {
  pid: number
  /** `up` serves others through its control socket; any other command has the home for its own length. */
  command: string
  /** Path of the control socket, when there is one. */
  control: string | null
}

/**
 * One node on one home. The lock is the operating system's, on an open file: it goes when the process goes, however it
 * ends, so nothing stale is ever in the way. The file itself stays, since to remove it would let two in.
 */
export class HomeLock {
  readonly #file: string
  #descriptor: number | null

  private constructor(file: string, descriptor: number) {
    this.#file = file
    this.#descriptor = descriptor
  }

  /** Throws ALREADY_RUNNING, with the holder's process id. */
  static async take(file: string, holder: Holder): Promise<HomeLock> {
    const descriptor = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600)
    try {
      for (const until = performance.now() + PATIENCE_MS; !fsx.tryLock(descriptor); await pause(RETRY_MS)) {
        if (performance.now() >= until) throw alreadyRunning(readHolder(file))
      }
      ftruncateSync(descriptor)
      writeSync(descriptor, JSON.stringify(holder), 0)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
    return new HomeLock(file, descriptor)
  }

  /** Who has the lock now, or null when nobody does. */
  static holder(file: string): Holder | null {
    let descriptor: number
    try {
      descriptor = openSync(file, constants.O_RDWR)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
    try {
      return fsx.tryLock(descriptor) ? null : readHolder(file)
    } finally {
      closeSync(descriptor)
    }
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

/** The holder has the lock before its name is in the file: for an instant it is unknown, process id 0. */
function readHolder(file: string): Holder {
  const unknown = { pid: 0, command: '', control: null }
  try {
    const { pid, command, control } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    if (typeof pid !== 'number' || typeof command !== 'string') return unknown
    return { pid, command, control: typeof control === 'string' ? control : null }
  } catch {
    return unknown // being written at this instant
  }
}

function alreadyRunning({ pid, command }: Holder): BushelError {
  const who = command && command !== 'up' ? `\`bushel ${command}\`` : 'a node'
  const process = pid > 0 ? ` (process ${pid})` : ''
  return new BushelError(
    'ALREADY_RUNNING',
    `${who} is at work on this home already${process}; nothing was changed`,
    'wait for it, stop it, or give another --home'
  )
}
