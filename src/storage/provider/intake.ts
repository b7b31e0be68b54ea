import type { NoiseStream } from 'hyperdht'
import type { Lease } from '#spec'
import { BushelError, isBlamed } from '../../../contracts/errors/error.js'
import { agreementId } from '../../../contracts/terms.js'
import { idOf } from '../lease/leases.js'
import type { Logger } from '../../base/logger.js'

export interface Uploaded {
  blocks: number
  bytes: number
}

export interface IntakeShelf {
  /** Accepts blocks from this connection too. */
  attach(id: string, stream: NoiseStream): Promise<void>
  /** Resolves when all agreed blocks have arrived; rejects with a violation of the agreement. */
  fetch(id: string, options: { onProgress: (progress: Uploaded) => void }): Promise<void>
}

export interface IntakeOptions {
  shelf: IntakeShelf
  /** Called when the upload violates the agreement. */
  onviolation(agreement: Buffer, why: string): Promise<void>
  log: Logger
}

/** Takes in the uploads of paid leases, over every connection of the buyer. */
export class Intake {
  readonly #options: IntakeOptions
  readonly #fetching = new Map<string, { streams: WeakSet<NoiseStream>; progress: Uploaded }>()

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** The progress of the upload; accepts blocks from this connection from now on. */
  async progress(lease: Lease, stream: NoiseStream): Promise<Uploaded> {
    const { streams, progress } = this.#fetch(lease)
    if (!streams.has(stream)) {
      streams.add(stream)
      await this.#options.shelf.attach(idOf(lease), stream)
    }
    return progress
  }

  /** Forgets the progress of a complete upload. */
  done(lease: Lease): void {
    this.#fetching.delete(idOf(lease))
  }

  #fetch(lease: Lease): { streams: WeakSet<NoiseStream>; progress: Uploaded } {
    const id = idOf(lease)
    const known = this.#fetching.get(id)
    if (known) return known
    const { shelf, log } = this.#options
    const progress: Uploaded = { blocks: 0, bytes: 0 }
    const onProgress = ({ blocks, bytes }: Uploaded): void => void Object.assign(progress, { blocks, bytes })
    shelf
      .fetch(id, { onProgress })
      .then(() => onProgress(allOf(lease)))
      .catch(async (error: unknown) => {
        this.#fetching.delete(id)
        await this.#failed(lease, error)
      })
      .catch(log.fault)
    const fetching = { streams: new WeakSet<NoiseStream>(), progress }
    this.#fetching.set(id, fetching)
    return fetching
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
