import ReadyResource from 'ready-resource'
import type { MirrorJob } from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import { DAY, HOUR, MINUTE } from '../../../../contracts/money/quantity.js'
import { Backoff } from '../../../base/backoff.js'
import { Poller } from '../../../base/poller.js'
import type { Logger } from '../../../base/logger.js'
import type { Store } from '../../../store/store.js'
import type { Leases } from '../../lease/leases.js'
import { isLongOver, mirrorsOf, nameOfMirror } from '../mirror-names.js'
import { MIRROR } from '../mirror-state.js'
import type { Mirrors } from '../mirrors.js'
import { copiesOf } from './copies.js'
import type { Copies } from './copies.js'

/** What a node does by itself for a mirror that is kept. */
export interface MirrorTask {
  isDue(job: MirrorJob, copies: Copies): boolean
  /** Rejects when it could not be done; it is tried again, ever more rarely. */
  run(job: MirrorJob, copies: Copies, signal: AbortSignal): Promise<void>
}

export interface MirrorUpkeepOptions {
  store: Store
  leases: Leases
  mirrors: Mirrors
  tasks: readonly MirrorTask[]
  log: Logger
  now: () => number
  /** True when another device of the owner has all mirrors. */
  isLeft?: () => boolean
  /** ms between two looks at all mirrors. */
  lookEvery?: number
}

const LOOK = 10 * MINUTE
/** Until a task of a mirror that failed is run again, ms. */
const AGAIN = { first: 10 * MINUTE, last: 6 * HOUR }
/** After this time without a run the delays begin anew, ms. */
const FORGOTTEN = 3 * DAY
/** After so many successes in a day the next one waits as a failure does: nobody has us buy again and again. */
const IN_A_DAY = 4
/** Most mirrors for which one task runs at the same time. */
const AT_ONCE = 8

/** One task of one mirror. */
interface Work {
  backoff: Backoff
  tried: number
  /** When it was done in the last day, ms since 1970. */
  done: number[]
  running: { stop: AbortController; done: Promise<void> } | null
}

/** Looks after the mirrors that are kept while the node runs. Each task of each mirror goes on by itself. */
export class MirrorUpkeep extends ReadyResource {
  readonly #options: MirrorUpkeepOptions
  readonly #poller: Poller
  /** By task and mirror; of those that were due. */
  readonly #works: readonly Map<string, Work>[]
  /** Mirrors of which nothing is begun now. */
  readonly #held = new Set<string>()

  constructor(options: MirrorUpkeepOptions) {
    super()
    this.#options = options
    this.#works = options.tasks.map(() => new Map<string, Work>())
    this.#poller = new Poller({
      look: () => this.#look(),
      interval: options.lookEvery ?? LOOK,
      onerror: error => options.log.fault(error)
    })
  }

  protected override _open(): Promise<void> {
    void this.#poller.start()
    return Promise.resolve()
  }

  protected override async _close(): Promise<void> {
    await this.#poller.close()
    await Promise.all(this.#works.flatMap(works => [...works.keys()].map(id => stopOf(works, id))))
  }

  /** Looks at all mirrors now, and begins what is due. */
  look(): Promise<void> {
    return this.#poller.look()
  }

  /** Looks soon: something has happened to a mirror. */
  poke(): void {
    this.#poller.poke()
  }

  /** Does work of the owner on a mirror while nothing else goes on for it; what was begun is gone on with later. */
  async without<T>(id: string, work: () => Promise<T>): Promise<T> {
    this.#held.add(id)
    try {
      await Promise.all(this.#works.map(works => stopOf(works, id)))
      return await work()
    } finally {
      this.#held.delete(id)
    }
  }

  #look(): void {
    const { store, leases, tasks, now, isLeft } = this.#options
    if (isLeft?.()) return
    for (const job of mirrorsOf(store, leases)) {
      if (job.state !== MIRROR.KEPT || isLongOver(job, now()) || this.#held.has(job.store)) continue
      const copies = copiesOf(job, leases, now())
      for (const [i, task] of tasks.entries())
        if (task.isDue(job, copies)) this.#begin(this.#works[i]!, task, job, copies)
    }
  }

  #begin(works: Map<string, Work>, task: MirrorTask, job: MirrorJob, copies: Copies): void {
    const { now } = this.#options
    const known = works.get(job.store)
    const isFresh = known && (known.running || now() - known.tried < FORGOTTEN)
    const work = isFresh ? known : { backoff: new Backoff(AGAIN, now), tried: now(), done: [], running: null }
    works.set(job.store, work)
    const running = [...works.values()].filter(one => one.running).length
    if (work.running || running >= AT_ONCE || !work.backoff.isDue()) return
    work.tried = now()
    const stop = new AbortController()
    const done = this.#run(task, job, copies, stop.signal)
      .then(isDone => {
        work.done = [...work.done, ...(isDone ? [now()] : [])].filter(at => now() - at < DAY)
        if (isDone && work.done.length < IN_A_DAY) work.backoff.reset()
      })
      .finally(() => (work.running = null))
    work.running = { stop, done }
  }

  async #run(task: MirrorTask, job: MirrorJob, copies: Copies, signal: AbortSignal): Promise<boolean> {
    const { log } = this.#options
    try {
      await task.run(job, copies, signal)
      return true
    } catch (error) {
      if (signal.aborted) return false
      if (error instanceof BushelError)
        log.warn(`'${nameOfMirror(job)}': ${error.message}; it is tried again later`)
      else log.fault(error)
      return false
    }
  }
}

async function stopOf(works: ReadonlyMap<string, Work>, id: string): Promise<void> {
  const running = works.get(id)?.running
  running?.stop.abort()
  await running?.done
}
