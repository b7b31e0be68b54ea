import { AsyncLocalStorage } from 'node:async_hooks'
import type * as ldk from '#ldk'
import { LdkEngine } from './engine.js'
import { free } from './ldk.js'
import type { Store } from '../log/store.js'

const PEER_TICK_MS = 10_000
const MANAGER_TICK_MS = 60_000
const CLOCK_MS = 20_000

export interface NodeHooks {
  /** Before LDK works: bytes that have come in. */
  read(): void
  handle(event: ldk.Event): void
  /** Everything so far is on disk: bytes may leave. */
  release(): void
  /** Something went wrong that cannot be gone on from; `calls` have changed something since the last commit. */
  broken(error: unknown, calls: number[]): void
}

/**
 * The beat of the node: read, let LDK work, handle what it says, put all of it on disk, and only then let anything
 * out. Nothing that LDK does happens outside of a beat or of the calls made between two beats.
 */
export class PlayNode {
  readonly engine: LdkEngine
  readonly store: Store
  readonly #hooks: NodeHooks
  readonly #timers: NodeJS.Timeout[] = []
  readonly #released: (() => void)[] = []
  readonly #watchers = new Set<() => void>()
  /** The call that is being worked on, also after it has waited for something. */
  readonly #call = new AsyncLocalStorage<number>()
  /** Calls that have been worked on since the last commit. */
  readonly #recent = new Set<number>()
  #kicked = false
  #beating = false
  #closed = false
  #time = 0
  /** Set when LDK asks for it; see the event PendingHTLCsForwardable. */
  forwardsWaiting = false

  constructor(seed: Buffer, store: Store, hooks: NodeHooks) {
    this.store = store
    this.#hooks = hooks
    this.engine = new LdkEngine(seed, store)
    this.syncClock()
    const every = (ms: number, action: () => void): void => {
      const tick = (): void => {
        this.#guard(action)
        this.kick()
      }
      this.#timers.push(setInterval(tick, ms).unref())
    }
    every(PEER_TICK_MS, () => this.engine.peers.timer_tick_occurred())
    every(MANAGER_TICK_MS, () => this.engine.manager.timer_tick_occurred())
    every(CLOCK_MS, () => this.syncClock())
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Brings LDK's clock up to the wall clock. */
  syncClock(): void {
    const now = Date.now()
    if (Math.abs(now - this.#time) < 1_000) return
    this.#time = now
    this.engine.setTime(now)
  }

  /** Asks for a beat, soon. */
  kick(): void {
    if (this.#kicked || this.#closed) return
    this.#kicked = true
    setImmediate(() => {
      this.#kicked = false
      this.beat()
    })
  }

  /** Works on a call, so that it can be named should the process die of what it did. */
  work<T>(call: number, action: () => T): T {
    this.#recent.add(call)
    return this.#call.run(call, action)
  }

  /** Runs the action when all that has happened so far is on disk: at once, where it is. */
  afterCommit(action: () => void): void {
    if (this.#settled) {
      if (!this.#closed) action()
      return
    }
    this.#released.push(action)
    this.kick()
  }

  /** Nothing has happened since the last beat: whatever does stages something, or asks for a beat. */
  get #settled(): boolean {
    return !this.#kicked && !this.#beating && !this.store.dirty && this.#released.length === 0
  }

  /** Resolves true when `ready` holds, which is looked at after each beat; false when the time is over. */
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

  beat(): void {
    if (this.#closed) return
    this.#beating = true
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
    this.#beating = false
  }

  /** Ends the work where it is, with nothing more put on disk. */
  stop(): void {
    this.#closed = true
    for (const timer of this.#timers) clearInterval(timer)
  }

  /** Ends the work: the last state is on disk when this returns. */
  close(): void {
    if (this.#closed) return
    this.beat()
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
