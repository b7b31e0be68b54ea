import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { BushelError } from '../../../contracts/errors/error.js'
import { FILTER_FD, INFO_FD } from './command.js'
import type { Command, Shape } from './command.js'
import { oneLine } from '../../../contracts/text.js'
import { Broken, Conversation } from './conversation.js'
import type { ConversationListener } from './conversation.js'
import { inheritable } from './walls/inheritable.js'

/** Time limit for loading the guest's code, ms. */
const BOOT_MS = 30_000
/** Time to read the remaining output after the process has exited, ms. */
const LAST_WORDS_MS = 2000
/** Bytes kept of standard error, where only node itself writes; at four times this the process is killed. */
const COMPLAINT_BYTES = 8192
const INFO_BYTES = 4096
/** Bytes in one write to the guest. */
const PORTION = 1 << 20

export interface Death {
  code: number | null
  signal: NodeJS.Signals | null
  /** Beginning of its standard error. */
  complaint: string
}

/** A single-use process that runs one guest. */
export class Child {
  readonly shape: Shape
  readonly conversation: Conversation
  /** Resolves when the guest waits for a job; rejects with SANDBOX_FAILED when it does not start. */
  readonly ready: Promise<void>
  readonly death: Promise<Death>
  dead = false
  /** Receives the guest's messages; set it before sending a job. */
  listener: Omit<ConversationListener, 'ready'> & { broken(error: Broken): void } = SILENT
  readonly #process: ChildProcess
  #pid: number | null

  constructor({ file, args, env, filter }: Command, shape: Shape, inBubblewrap: boolean) {
    this.shape = shape
    // The guest closes what it inherits before it hears of a job; bubblewrap closes its own two.
    this.#process = spawn(file, [...args, ...inheritable().map(String)], {
      stdio: ['pipe', 'pipe', 'pipe', inBubblewrap ? 'pipe' : 'ignore', filter ? 'pipe' : 'ignore'],
      env,
      cwd: '/',
      detached: true
    })
    this.#pid = inBubblewrap ? null : (this.#process.pid ?? null)
    if (inBubblewrap) this.#readPid(this.#process.stdio[INFO_FD] as Readable)
    if (filter) this.#giveFilter(this.#process.stdio[FILTER_FD] as Writable, filter)
    const complaint = this.#listenToComplaints()
    this.death = this.#die(complaint)
    let isReady = () => {}
    const readiness = new Promise<void>(resolve => (isReady = resolve))
    this.conversation = new Conversation({
      ready: () => isReady(),
      loaded: () => this.listener.loaded(),
      compiled: () => this.listener.compiled(),
      refuel: (used, missing) => this.listener.refuel(used, missing),
      ended: end => this.listener.ended(end),
      done: () => this.listener.done()
    })
    this.#process.stdout!.on('data', (bytes: Buffer) => this.#hear(bytes))
    this.ready = this.#boot(readiness)
    this.ready.catch(() => undefined)
  }

  /** Process id of the guest itself, also inside bubblewrap; null until it is known. */
  get pid(): number | null {
    return this.dead ? null : this.#pid
  }

  /** Sends bytes in portions; resolves when they are written or the process is dead. */
  async give(bytes: Buffer): Promise<void> {
    const input = this.#process.stdin as Writable
    for (let at = 0; at < bytes.byteLength && !this.dead; at += PORTION) {
      await new Promise<void>(resolve => input.write(bytes.subarray(at, at + PORTION), () => resolve()))
    }
  }

  kill(): void {
    if (this.dead) return
    if (this.#pid !== null) killed(this.#pid)
    if (this.#process.pid !== undefined) killed(-this.#process.pid)
  }

  async #boot(readiness: Promise<void>): Promise<void> {
    const timer = setTimeout(() => this.kill(), BOOT_MS)
    const death = await Promise.race([readiness, this.death])
    clearTimeout(timer)
    if (!death) return
    throw new BushelError(
      'SANDBOX_FAILED',
      `the sandbox did not start: ${describe(death)}`,
      'the job was not run; check that this user can run `node` on this machine'
    )
  }

  #hear(bytes: Buffer): void {
    try {
      this.conversation.feed(bytes)
    } catch (error) {
      if (!(error instanceof Broken)) throw error
      this.#process.stdout!.removeAllListeners('data').resume()
      this.kill()
      this.listener.broken(error)
    }
  }

  /** Reads the guest's pid from bubblewrap's info, written before the guest runs; the JSON may come in parts. */
  #readPid(info: Readable): void {
    let text = ''
    info.on('error', () => undefined)
    info.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      const pid = /"child-pid": (\d+)\D/.exec(text)?.[1]
      if (pid !== undefined) this.#pid ??= Number(pid)
      if (text.length > INFO_BYTES) this.kill()
    })
  }

  #giveFilter(to: Writable, filter: Buffer): void {
    // a bubblewrap that has ended does not read it; `death` has the reason
    to.on('error', () => undefined)
    to.end(filter)
  }

  #listenToComplaints(): () => string {
    let text = ''
    let bytes = 0
    this.#process.stderr!.on('data', (part: Buffer) => {
      bytes += part.byteLength
      if (text.length < COMPLAINT_BYTES) text += part.toString('latin1').slice(0, COMPLAINT_BYTES)
      if (bytes > 4 * COMPLAINT_BYTES) this.kill()
    })
    return () => text
  }

  #die(complaint: () => string): Promise<Death> {
    const child = this.#process
    // Writing to a dead guest fails; `death` has the reason.
    child.stdin!.on('error', () => undefined)
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | undefined
      const end = (code: number | null, signal: NodeJS.Signals | null, text: string) => {
        this.dead = true
        clearTimeout(timer)
        resolve({ code, signal, complaint: text })
      }
      child.once('error', error => end(null, null, error.message))
      child.once('exit', () => {
        // kills bubblewrap's child, in case bubblewrap ended before setting it up
        this.kill()
        this.dead = true
        timer = setTimeout(() => {
          for (const stream of child.stdio) stream?.destroy()
        }, LAST_WORDS_MS)
      })
      child.once('close', (code, signal) => end(code, signal, complaint()))
    })
  }
}

export function describe({ code, signal, complaint }: Death): string {
  const how = signal ? `ended by ${signal}` : code === null ? 'could not be run' : `ended with code ${code}`
  const said = oneLine(complaint, 200)
  return said ? `it ${how} (${said})` : `it ${how}`
}

const SILENT = {
  loaded: () => {},
  compiled: () => {},
  refuel: () => {},
  ended: () => {},
  done: () => {},
  broken: () => {}
}

/** Kills a process, or a process group when negative; ignores one that is gone. */
function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
