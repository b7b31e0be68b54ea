import { AsyncLocalStorage } from 'node:async_hooks'
import type * as ldk from '#ldk'
import { LdkEngine } from './engine.js'
import { free, freeUnused } from './ldk.js'
import type { Store } from '../log/store.js'

const PEER_TICK_MS = 10_000
const MANAGER_TICK_MS = 60_000
const CLOCK_MS = 20_000
const FREE_MS = 60_000

export interface NodeHooks {
  /** Called before LDK works: passes received bytes to LDK. */
  read(): void
  handle(event: ldk.Event): void
  /** Called after a commit: outgoing bytes may be sent. */
  release(): void
  /** Called on an unrecoverable error; `calls` were worked on since the last commit. */
  broken(error: unknown, calls: number[]): void
}

/**
 * The work cycle of the node: read input, let LDK work, handle its events, commit everything to disk, and only then send
 * output. LDK works only in a cycle or in a call between two cycles.
 */
export class PlayNode {
  readonly engine: LdkEngine
  readonly store: Store
  readonly #hooks: NodeHooks
  readonly #timers: NodeJS.Timeout[] = []
  readonly #released: (() => void)[] = []
  readonly #watchers = new Set<() => void>()
  /** Id of the current call, also after an await. */
  readonly #call = new AsyncLocalStorage<number>()
  /** Ids of the calls worked on since the last commit. */
  readonly #recent = new Set<number>()
  #requested = false
  #inCycle = false
  #closed = false
  #time = 0
  /** Set by the event PendingHTLCsForwardable. */
  forwardsWaiting = false

  constructor(seed: Buffer, store: Store, hooks: NodeHooks) {
    this.store = store
    this.#hooks = hooks
    this.engine = new LdkEngine(seed, store)
    this.syncClock()
    const every = (ms: number, action: () => void): void => {
      const tick = (): void => {
        this.#guard(action)
        this.requestCycle()
      }
      this.#timers.push(setInterval(tick, ms).unref())
    }
    every(PEER_TICK_MS, () => this.engine.peers.timer_tick_occurred())
    every(MANAGER_TICK_MS, () => this.engine.manager.timer_tick_occurred())
    every(CLOCK_MS, () => this.syncClock())
    every(FREE_MS, freeUnused)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Sets LDK's clock to the wall clock. */
  syncClock(): void {
    const now = Date.now()
    if (Math.abs(now - this.#time) < 1_000) return
    this.#time = now
    this.engine.setTime(now)
  }

  /** Schedules a cycle in the next event loop turn. */
  requestCycle(): void {
    if (this.#requested || this.#closed) return
    this.#requested = true
    setImmediate(() => {
      this.#requested = false
      this.runCycle()
    })
  }

  /** Runs a call under its id, so that it can be named as the cause if the process dies. */
  work<T>(call: number, action: () => T): T {
    this.#recent.add(call)
    return this.#call.run(call, action)
  }

  /** Runs the action once everything so far is on disk: immediately, or after the next commit. */
  afterCommit(action: () => void): void {
    if (this.#isIdle) {
      if (!this.#closed) action()
      return
    }
    this.#released.push(action)
    this.requestCycle()
  }

  /** True when nothing has happened since the last cycle: every change stages data or requests a cycle. */
  get #isIdle(): boolean {
    return !this.#requested && !this.#inCycle && !this.store.dirty && this.#released.length === 0
  }

  /** Resolves to true when `ready` returns true, checked after each cycle; to false after `timeoutMs`. */
  until(ready: () => boolean, timeoutMs: number): Promise<boolean> {
    const call = this.#call.getStore()
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        if (call !== undefined) this.#recent.add(call)
        clearTimeout(timer)
        this.#watchers.delete(look)
        settle()
      }
      const look = (): void => {
        try {
          if (ready()) end(() => resolve(true))
        } catch (error) {
          end(() => reject(error as Error))
        }
      }
      const timer = setTimeout(() => end(() => resolve(false)), timeoutMs)
      this.#watchers.add(look)
      look()
    })
  }

  runCycle(): void {
    if (this.#closed) return
    this.#inCycle = true
    this.#guard(() => {
      this.#hooks.read()
      for (let more = true; more;) {
        const events = this.engine.takeEvents()
        for (const event of events) {
          this.#hooks.handle(event)
          free(event, 'Event')
        }
        more = events.length > 0 || this.forwardsWaiting
        if (this.forwardsWaiting) {
          this.forwardsWaiting = false
          this.engine.manager.process_pending_htlc_forwards()
        }
      }
      this.#commit()
      for (const look of [...this.#watchers]) look()
    })
    this.#inCycle = false
  }

  /** Stops immediately; nothing more is written to disk. */
  stop(): void {
    this.#closed = true
    for (const timer of this.#timers) clearInterval(timer)
  }

  /** Runs a last cycle and stops; the final state is on disk when this returns. */
  close(): void {
    if (this.#closed) return
    this.runCycle()
    this.stop()
    this.engine.peers.disconnect_all_peers()
    this.store.close()
  }

  #commit(): void {
    this.engine.stage()
    this.store.commit()
    this.#recent.clear()
    this.#hooks.release()
    for (const action of this.#released.splice(0)) action()
  }

  #guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.stop()
      this.#hooks.broken(error, [...this.#recent])
    }
  }
}
