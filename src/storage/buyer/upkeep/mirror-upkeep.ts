import ReadyResource from 'ready-resource'
import type { MirrorJob } from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import { HOUR, MINUTE } from '../../../../contracts/money/quantity.js'
import { KeyedBackoff } from '../../../base/backoff.js'
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
  run(job: MirrorJob, copies: Copies, signal: AbortSignal): Promise<void>
}

export interface MirrorUpkeepOptions {
  store: Store
  leases: Leases
  mirrors: Mirrors
  tasks: readonly MirrorTask[]
  log: Logger
  now: () => number
  /** ms between two looks at all mirrors. */
  lookEvery?: number
}

const LOOK = 10 * MINUTE
/** Until a task that failed is tried again, ms. */
const AGAIN = { first: 10 * MINUTE, last: 6 * HOUR }
/** Most mirrors that are worked on at the same time. */
const AT_ONCE = 4

/** Looks after the mirrors that are kept while the node runs. */
export class MirrorUpkeep extends ReadyResource {
  readonly #options: MirrorUpkeepOptions
  readonly #poller: Poller
  readonly #tries: KeyedBackoff
  readonly #running = new Map<string, Promise<void>>()
  /** A look found more than it may do at once. */
  #hasMore = false

  constructor(options: MirrorUpkeepOptions) {
    super()
    this.#options = options
    this.#tries = new KeyedBackoff(AGAIN, options.now)
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
    await Promise.all(this.#running.values())
  }

  /** Looks soon: something has happened to a mirror. */
  poke(): void {
    this.#poller.poke()
  }

  #look(): void {
    const { store, leases, tasks, now } = this.#options
    this.#hasMore = false
    for (const job of mirrorsOf(store, leases)) {
      if (this.#running.size >= AT_ONCE) {
        this.#hasMore = true
        return
      }
      if (job.state !== MIRROR.KEPT || isLongOver(job, now()) || this.#running.has(job.store)) continue
      const copies = copiesOf(job, leases, now())
      const task = tasks.find(one => one.isDue(job, copies))
      if (!task || !this.#tries.isDue(Buffer.from(job.store, 'hex'))) continue
      const work = this.#run(task, job).finally(() => {
        this.#running.delete(job.store)
        if (this.#hasMore) this.poke()
      })
      this.#running.set(job.store, work)
    }
  }

  /** In the mirror's turn it may have changed. */
  async #run(task: MirrorTask, { store: id }: MirrorJob): Promise<void> {
    const { leases, mirrors, now, log } = this.#options
    const { signal } = this.#poller
    try {
      await mirrors.inTurn(id, async () => {
        const job = mirrors.get(id)
        const copies = job && copiesOf(job, leases, now())
        if (copies && task.isDue(job, copies)) await task.run(job, copies, signal)
      })
      this.#tries.reset(Buffer.from(id, 'hex'))
    } catch (error) {
      if (signal.aborted) return
      const name = nameOfMirror(mirrors.get(id)!)
      if (error instanceof BushelError) log.warn(`'${name}': ${error.message}; it is tried again later`)
      else log.fault(error)
    }
  }
}
