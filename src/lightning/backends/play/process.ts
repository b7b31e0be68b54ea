import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { BushelError } from '../../../../contracts/errors/error.js'
import { Backoff } from '../../../base/backoff.js'
import { Batch } from './batch.js'
import type { Death } from './calls.js'
import { broken } from './failure.js'
import type { FromChild, ToChild } from './messages.js'

const CHILD = fileURLToPath(new URL('./child/main.js', import.meta.url))
/** Uptime after which the restart delay is reset. */
const STEADY_MS = 1_000
/** After this many crashes within this time, callers no longer wait for the next start. */
const MAX_DEATHS = 4
const DEATHS_WITHIN_MS = 600_000
/** Delay before a restart, ms. */
const RESTART = { first: 100, last: 5_000 }
/** Delay before a restart after too many crashes, ms. */
const RESTART_WORN = { first: 1_000, last: 60_000 }
const CLOSE_MS = 5_000

export interface ProcessEvents {
  /** The first message to each new process. */
  opening(): ToChild
  onup(nodeId: Buffer, settledOrder: number): void
  onmessage(message: FromChild): void
  /** The process died and is restarted after a delay; `down` when it died too often for callers to wait. */
  ondown(death: Death, down: boolean): void
  /** The process cannot be started and is not started again. */
  onfailed(error: BushelError): void
}

/** Runs the Lightning process and restarts it after each death, with a growing delay. */
export class LightningProcess {
  readonly #events: ProcessEvents
  readonly #outgoing = new Batch<ToChild>(messages => {
    if (this.#child?.connected) this.#child.send(messages, () => undefined)
  })
  #child: ChildProcess | null = null
  #up = false
  /** It has been up at least once. */
  #proven = false
  #upSince = Infinity
  readonly #backoff = new Backoff(RESTART)
  readonly #wornBackoff = new Backoff(RESTART_WORN)
  #deaths: number[] = []
  #timer: NodeJS.Timeout | null = null
  #lastWords: Extract<FromChild, { type: 'fatal' }> | null = null
  #final = false
  #closing = false

  constructor(events: ProcessEvents) {
    this.#events = events
  }

  get up(): boolean {
    return this.#up
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  start(): void {
    if (this.#closing || this.#final) return
    this.#upSince = Infinity
    this.#lastWords = null
    const child = fork(CHILD, [], {
      serialization: 'advanced',
      execArgv: ['--expose-gc'], // see `freeUnused`
      stdio: ['ignore', 'ignore', 'ignore', 'ipc']
    })
    this.#child = child
    let gone = false
    const ongone = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (gone) return
      gone = true
      this.#died(code, signal)
    }
    child.on('message', message => {
      for (const each of message as FromChild[]) if (!gone) this.#receive(each)
    })
    child.on('exit', ongone)
    // Emitted when the process cannot be started, or when a message is sent on a closing channel; then 'exit' follows.
    child.on('error', () => {
      if (child.pid === undefined) ongone(1, null)
    })
    this.send(this.#events.opening())
  }

  /** Drops the message when there is no process: `PendingCalls` sends the calls again after a restart. */
  send(message: ToChild): void {
    if (this.#child?.connected) this.#outgoing.add(message)
  }

  async close(): Promise<void> {
    this.#closing = true
    if (this.#timer) clearTimeout(this.#timer)
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
    this.send({ type: 'close' })
    const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS)
    await exited
    clearTimeout(timer)
  }

  #receive(message: FromChild): void {
    if (message.type === 'fatal') {
      this.#lastWords = message
      // After one successful start, an error at a later start may be temporary: a full disk, a locked folder.
      this.#final ||= message.final && !this.#proven
      return
    }
    if (message.type === 'ready') {
      this.#up = true
      this.#proven = true
      this.#upSince = performance.now()
      this.#events.onup(message.nodeId, message.settledOrder)
      return
    }
    this.#events.onmessage(message)
  }

  #died(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = null
    this.#up = false
    if (this.#closing) return
    const now = performance.now()
    const words = this.#lastWords
    const ending = `it ended with ${signal ?? `code ${code}`}`
    // Only crashes of its own count against the wallet, not kills from outside.
    const outside = signal === 'SIGKILL'
    if (!outside) this.#deaths.push(now)
    this.#deaths = this.#deaths.filter(at => now - at < DEATHS_WITHIN_MS)
    const worn = this.#deaths.length >= MAX_DEATHS
    if (this.#final || (worn && !this.#proven)) {
      this.#final = true
      this.#events.onfailed(words ? BushelError.from(words.error) : broken(ending))
      return
    }
    this.#events.ondown({ reason: words?.reason ?? ending, outside, calls: words?.calls ?? null }, worn)
    if (!worn) this.#wornBackoff.reset()
    if (now - this.#upSince > STEADY_MS) this.#backoff.reset()
    this.#timer = setTimeout(() => this.start(), (worn ? this.#wornBackoff : this.#backoff).next())
    this.#timer.unref()
  }
}
