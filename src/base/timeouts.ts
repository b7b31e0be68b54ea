import { systemClock } from './clock.js'
import type { Cancel, Clock } from './clock.js'

/**
 * How long one side of a deal waits for the other, in ms, whatever is dealt in. After that the other side counts as
 * silent. Time in which this machine slept does not count: the wait begins anew.
 */
export interface PeerTimeouts {
  /** A connection and its hello. */
  connect: number
  /** Any short answer. */
  answer: number
  /** A way to pay: a Lightning connection and, the first time, a channel. */
  reach: number
  /** What becomes of a payment that was sent. */
  payment: number
}

export const PEER_TIMEOUTS: PeerTimeouts = {
  connect: 10_000,
  answer: 20_000,
  reach: 30_000,
  payment: 60_000
}

/** Calls `work` after `ms` in which this process did not stand still: after a gap the wait begins anew. */
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

/** Watches for something that does not move any more. */
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

  /** Something came; gives the ms since the last time. */
  moved(): number {
    const before = this.#moved
    this.#moved = this.#clock.monotonic()
    this.#gaps = this.#clock.gaps()
    return this.#moved - before
  }

  /** True when nothing came for more than `ms`, and this process did not stand still meanwhile. */
  get isStalled(): boolean {
    if (this.#clock.gaps() !== this.#gaps) this.moved()
    return this.#clock.monotonic() - this.#moved > this.#ms
  }
}

/** Settles as the work does; when that takes longer than `ms`, with what `late` gives, or throws. */
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

/** Settles as the work does; rejects with the signal's reason when that is aborted before. */
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

/** Waits; rejects with the signal's reason when that is aborted before. */
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
