import { systemClock } from './clock.js'
import type { Cancel, Clock } from './clock.js'

/**
 * How long one side of a deal waits for the other, in ms, for every resource. After that the other side counts as
 * silent. A wait starts anew after the machine slept.
 */
export interface PeerTimeouts {
  /** A connection and its hello. */
  connect: number
  /** Once enough sellers have answered, those that rank better may answer too for so long. */
  grace: number
  /** Any short answer. */
  answer: number
  /** Reaching the payee: a Lightning connection and, the first time, a channel. */
  reach: number
  /** The outcome of a payment that was sent. */
  payment: number
  /** After so long without news of a seller that was agreed with, another one is asked, and takes over when it agrees meanwhile. */
  spare: number
  /** A route to the payee, once something is paid: its Lightning node may be starting again. */
  route: number
}

/** Longest wait for a route before anything is paid, ms: another provider may have one. */
export const FIRST_ROUTE = 30_000

export const PEER_TIMEOUTS: PeerTimeouts = {
  connect: 10_000,
  grace: 1000,
  answer: 20_000,
  reach: 30_000,
  payment: 60_000,
  spare: 45_000,
  route: 5 * 60_000
}

/** Calls `work` after `ms`; when the process stood still meanwhile, the wait starts anew. */
export function deadline(ms: number, work: () => void, clock: Clock = systemClock): Cancel {
  let gaps = clock.gaps()
  const wait = (): Cancel =>
    clock.after(ms, () => {
      const seen = clock.gaps()
      if (seen === gaps) return work()
      gaps = seen
      cancel = wait()
    })
  let cancel = wait()
  return () => cancel()
}

/** Detects work that no longer makes progress. */
export class Stall {
  readonly #ms: number
  readonly #clock: Clock
  #moved: number
  #gaps: number

  constructor(ms: number, clock: Clock = systemClock) {
    this.#ms = ms
    this.#clock = clock
    this.#moved = clock.monotonic()
    this.#gaps = clock.gaps()
  }

  /** Records progress; returns the ms since the last. */
  moved(): number {
    const before = this.#moved
    this.#moved = this.#clock.monotonic()
    this.#gaps = this.#clock.gaps()
    return this.#moved - before
  }

  /** True when there was no progress for more than `ms` while this process ran without a gap. */
  get isStalled(): boolean {
    if (this.#clock.gaps() !== this.#gaps) this.moved()
    return this.#clock.monotonic() - this.#moved > this.#ms
  }
}

/**
 * A signal that is aborted after `ms`; that alone does not keep the process alive. `AbortSignal.timeout` is not used: Node 20
 * collects it as garbage when only `AbortSignal.any` refers to it, and then what waits for either waits for ever.
 */
export function timeoutSignal(ms: number, clock: Clock = systemClock): AbortSignal {
  const timeout = new AbortController()
  clock.after(ms, () => timeout.abort(new DOMException(`it took more than ${ms} ms`, 'TimeoutError')), {
    unref: true
  })
  return timeout.signal
}

/** Settles as the work does; after `ms`, with what `late` returns or throws. */
export async function withTimeout<T>(
  work: Promise<T>,
  ms: number,
  late: () => T,
  clock: Clock = systemClock
): Promise<T> {
  let cancel: Cancel = () => undefined
  const over = new Promise<void>(resolve => {
    cancel = deadline(ms, resolve, clock)
  })
  try {
    return await Promise.race([work, over.then(late)])
  } finally {
    cancel()
  }
}

/** Settles as the work does; rejects with the signal's reason when it is aborted first. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onabort = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    onabort = () => reject(signal.reason as Error)
    if (signal.aborted) onabort()
    else signal.addEventListener('abort', onabort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onabort)
  }
}

/** Waits `ms`; rejects with the signal's reason when it is aborted first. */
export async function pause(ms: number, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
  signal?.throwIfAborted()
  let cancel: Cancel = () => undefined
  const over = new Promise<void>(resolve => {
    cancel = clock.after(ms, resolve)
  })
  try {
    await (signal ? unlessAborted(over, signal) : over)
  } finally {
    cancel()
  }
}

/** Waits at most `timeoutMs` until all of the work has ended. Errors are left to its callers. */
export async function settledWithin(work: Iterable<Promise<unknown>>, timeoutMs: number): Promise<void> {
  const pending = [...work]
  if (pending.length === 0) return
  const ended = Promise.allSettled(pending).then(() => undefined)
  await withTimeout(ended, timeoutMs, () => undefined)
}
