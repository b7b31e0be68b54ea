import type { NoiseStream } from 'hyperdht'
import type { Lease, SignedTicket } from '#spec'
import { BOUNDS, UPLOAD_FLOOR } from '../../base/bounds/bounds.js'
import { BushelError, isBlamed } from '../../../contracts/errors/error.js'
import { agreementId } from '../../../contracts/terms.js'
import { idOf } from '../lease/leases.js'
import { WAITS } from '../lease/upload-wait.js'
import type { Logger } from '../../base/logger.js'
import type { RepairSources } from './repair-sources.js'

/** An upload gives its place to another after this time without progress, ms. */
const IDLE = 10_000
/** It also does when it has had its place for so long, ms, and is slower than `UPLOAD_FLOOR`. */
const SLOW_AFTER = 30_000

export interface Uploaded {
  blocks: number
  bytes: number
}

/** What the uploader is told. */
export interface UploadAnswer extends Uploaded {
  /** One of `WAITS` while nothing is taken of it. */
  waits?: number
}

export interface IntakeShelf {
  /** Accepts blocks from this connection too. */
  attach(id: string, stream: NoiseStream): Promise<void>
  /** Resolves when all agreed blocks have arrived; rejects with a violation of the agreement. */
  fetch(id: string, options: { onProgress: (progress: Uploaded) => void }): Promise<void>
  /** Stops a fetch, and takes nothing more from its uploader until the next one. */
  rest(id: string): Promise<void>
  /** Uploads that wait for room on the disk. */
  readonly paused: { has(id: string): boolean }
}

export interface IntakeOptions {
  shelf: IntakeShelf
  /** Called when the upload violates the agreement. */
  onviolation(agreement: Buffer, why: string): Promise<void>
  /** Since when an upload can have made progress in this process, ms since 1970. */
  since(lease: Lease): number
  now: () => number
  log: Logger
}

/** An upload that has one of the places. */
interface Running {
  device: Buffer
  streams: WeakSet<NoiseStream>
  /** Bytes that were there when it began. */
  had: number | null
  began: number
  moved: number
}

/**
 * Takes in the uploads of paid leases, over every connection of the buyer, a few at a time: each holds files open. One that
 * stands still gives its place to the next that asks.
 */
export class Intake {
  readonly #options: IntakeOptions
  readonly #running = new Map<string, Running>()
  /** What has arrived of each upload, also of those that have no place now, and until when that counts as progress. */
  readonly #arrived = new Map<string, Uploaded & { at: number }>()
  /** Of those that are fetched from other copies, not from the buyer. */
  readonly #sources = new Map<string, RepairSources>()
  /** Of those, the ones to which no other copy gives anything. */
  readonly #dry = new Set<string>()

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Number of uploads that have a place. */
  get count(): number {
    return this.#running.size
  }

  /** From now on the copy is fetched from other copies, with these tickets instead of earlier ones. */
  repair(lease: Lease, tickets: readonly SignedTicket[], open: () => RepairSources): void {
    const sources = this.#sources.get(idOf(lease)) ?? open()
    sources.use(tickets)
    this.#sources.set(idOf(lease), sources)
  }

  /** The progress of the upload; accepts blocks from this connection from now on, when there is a place. */
  async progress(lease: Lease, stream: NoiseStream): Promise<UploadAnswer> {
    const id = idOf(lease)
    if (!this.#running.has(id) && (await this.#hasPlace(lease.terms.buyer.device!))) this.#begin(lease)
    const running = this.#running.get(id)
    const sources = this.#sources.get(id)
    if (running) sources?.look()
    if (running && !sources && !running.streams.has(stream)) {
      running.streams.add(stream)
      await this.#options.shelf.attach(id, stream)
    }
    const { blocks, bytes } = this.#arrivedOf(id)
    const { paused } = this.#options.shelf
    const isDry = sources && running && this.#options.now() - running.moved >= IDLE
    if (isDry && !paused.has(id)) {
      this.#dry.add(id)
      // A copy may have closed its channel and not the connection: all are joined again.
      this.#running.delete(id)
      await this.#options.shelf.rest(id)
    }
    const waits = paused.has(id)
      ? WAITS.disk
      : this.#dry.has(id)
        ? WAITS.source
        : running
          ? null
          : WAITS.place
    return { blocks, bytes, ...(waits !== null && { waits }) }
  }

  /** Forgets an upload that is complete, or whose lease is over; nothing more is taken from its uploader. */
  async done(lease: Lease): Promise<void> {
    const id = idOf(lease)
    this.#running.delete(id)
    this.#arrived.delete(id)
    this.#sources.get(id)?.close()
    this.#sources.delete(id)
    this.#dry.delete(id)
    await this.#options.shelf.rest(id)
  }

  /**
   * Up to when the upload is as fast as it has to be, ms since 1970; 0 when nothing came in this process. Each byte gives it
   * the time that it takes at the lowest speed: whoever sends a block now and then does not hold its space by that.
   */
  movedAt(lease: Lease): number {
    return this.#arrived.get(idOf(lease))?.at ?? 0
  }

  #arrivedOf(id: string): Uploaded & { at: number } {
    const known = this.#arrived.get(id) ?? { blocks: 0, bytes: 0, at: 0 }
    this.#arrived.set(id, known)
    return known
  }

  /** Whether one more upload of this device has a place; one that stands still is stopped for it. */
  async #hasPlace(device: Buffer): Promise<boolean> {
    const { peer, all } = BOUNDS.uploads
    const own = [...this.#running].filter(([, running]) => running.device.equals(device))
    const crowded = own.length >= peer ? own : this.#running.size >= all ? [...this.#running] : []
    if (crowded.length === 0) return true
    const still = crowded.filter(([id, running]) => this.#standsStill(id, running))
    if (still.length === 0) return false
    const [id] = still.reduce((a, b) => (b[1].moved < a[1].moved ? b : a))
    this.#running.delete(id)
    await this.#options.shelf.rest(id)
    return true
  }

  #standsStill(id: string, { moved, began, had }: Running): boolean {
    const now = this.#options.now()
    if (now - moved >= IDLE) return true
    const rate = ((this.#arrivedOf(id).bytes - (had ?? 0)) * 1000) / (now - began)
    return now - began >= SLOW_AFTER && rate < UPLOAD_FLOOR
  }

  #begin(lease: Lease): void {
    const id = idOf(lease)
    const { shelf, log, now } = this.#options
    const at = now()
    const running: Running = {
      ...{ device: lease.terms.buyer.device!, streams: new WeakSet(), had: null, began: at, moved: at }
    }
    this.#sources.get(id)?.forget()
    const since = this.#options.since(lease)
    const onProgress = ({ blocks, bytes }: Uploaded): void =>
      this.#arrive(id, running, { blocks, bytes }, since)
    this.#running.set(id, running)
    shelf
      .fetch(id, { onProgress })
      .then(() => onProgress(allOf(lease)))
      .catch((error: unknown) => this.#failed(lease, error))
      .catch(log.fault)
      .finally(() => {
        if (this.#running.get(id) === running) this.#running.delete(id)
      })
  }

  #arrive(id: string, running: Running, { blocks, bytes }: Uploaded, since: number): void {
    const arrived = this.#arrivedOf(id)
    const isFirst = running.had === null
    running.had ??= bytes
    if (blocks <= arrived.blocks) return
    // What is there from before a restart is no progress.
    const isNew = !isFirst || arrived.blocks > 0
    const earned = ((bytes - arrived.bytes) * 1000) / UPLOAD_FLOOR
    Object.assign(arrived, { blocks, bytes })
    if (!isNew) return
    this.#dry.delete(id)
    running.moved = this.#options.now()
    arrived.at = Math.min(Math.max(arrived.at, since) + earned, running.moved)
  }

  /** Reports a violation; after a broken connection the upload waits for the next one. */
  async #failed({ terms }: Lease, error: unknown): Promise<void> {
    if (!(error instanceof BushelError)) this.#options.log.fault(error)
    else if (isBlamed(error)) await this.#options.onviolation(agreementId(terms), error.message)
  }
}

/** The progress of a complete upload. */
export function allOf({ terms }: Lease): Uploaded {
  return {
    blocks: terms.cores.reduce((sum, core) => sum + core.length, 0),
    bytes: terms.cores.reduce((sum, core) => sum + core.byteLength, 0)
  }
}
