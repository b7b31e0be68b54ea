import Autobase from 'autobase'
import type { ApplyState, BaseOptions, Checkpoint, FastForward, Writer } from 'autobase'
import type Corestore from 'corestore'
import { handledBy, plain } from '../../base/handled.js'
import { isDataFault } from '../faults/fault.js'
import { MalformedBlock, guardWriters } from './writer-blocks.js'

const AUTOBASE = 'the log of the market'
const handled = handledBy(AUTOBASE)

/** The state of a base; its constructor sets it before a field could hold it. */
const states = new WeakMap<Autobase, ApplyState>()

/**
 * An Autobase whose faults stay its own. Autobase works in the background, and throws the assertions and TypeErrors that data
 * of a hostile writer can cause where they end the process. Here they close the base, which then emits `error`.
 * `test/integration/book/library-faults.test.ts` fails when a new version has more places that end the process.
 * Event: `malformed` (MalformedBlock) when a writer other than the first wrote one; that writer is not followed any further.
 */
export class TamedBase extends Autobase {
  constructor(store: Corestore, key: Buffer | null, options: BaseOptions) {
    guardWriters(store)
    super(store, key, options)
    this._wakeup._add = handled(this._wakeup._add.bind(this._wakeup))
  }

  override get _applyState(): ApplyState | null {
    return states.get(this) ?? null
  }

  override set _applyState(state: ApplyState | null) {
    if (!state) {
      states.delete(this)
      return
    }
    states.set(this, state)
    const create = state._createCheckpointCore.bind(state)
    state._createCheckpointCore = (...of) => this.#tame(create(...of))
  }

  override _open(): Promise<void> {
    return handled(() => super._open())()
  }

  override _close(): Promise<void> {
    return handled(() => super._close())()
  }

  override _advance(): Promise<void> {
    return handled(() => super._advance())()
  }

  override _backgroundAck(): Promise<void> {
    return handled(() => super._backgroundAck())()
  }

  /** Autobase does not wait for it. */
  override async _bootstrapLinearizer(): Promise<void> {
    try {
      await super._bootstrapLinearizer()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Hypercore calls it when a core has grown. */
  override _queueFastForward(): void {
    try {
      super._queueFastForward()
    } catch (error) {
      this.#fail(error)
    }
  }

  override async _runFastForward(fastForward: FastForward): Promise<void> {
    const upgrade = fastForward._upgrade.bind(fastForward)
    fastForward._upgrade = async () => {
      try {
        return await upgrade()
      } catch (error) {
        if (!fastForward.destroyed && isDataFault(error)) this.#fail(error)
        throw plain(error, AUTOBASE)
      }
    }
    await super._runFastForward(fastForward)
  }

  /**
   * Autobase closes the state that it applies to once it may skip ahead, and would keep that closed state when it finds
   * that nothing is gained any more: the next block would end the base.
   */
  override async _applyFastForward(): Promise<void> {
    if (this._applyState?.closing && this.fastForwardTo) this.fastForwardTo.force = true
    await super._applyFastForward()
  }

  override async _updateAll(): Promise<void> {
    await Promise.all([...this.activeWriters].map(writer => this.#update(writer)))
  }

  /** Autobase freezes a writer whose block cannot be read. The other writers go on, but nothing does without the first. */
  async #update(writer: Writer): Promise<void> {
    try {
      await writer.update(null)
    } catch (error) {
      if (!(error instanceof MalformedBlock)) {
        if (isDataFault(error)) throw plain(error, AUTOBASE)
        return // passing: Autobase reads it again at the next change
      }
      if (error.writer.equals(this.key)) throw error
      this.emit('malformed', error)
    }
  }

  /** An indexer's signatures are read in the background, and again before a flush. */
  #tame(checkpoint: Checkpoint): Checkpoint {
    const update = checkpoint.update.bind(checkpoint)
    checkpoint.update = handled(update)
    checkpoint.updateBackground = async () => {
      try {
        await update()
      } catch (error) {
        if (isDataFault(error) && !checkpoint.closed) this.#fail(error)
      }
    }
    return checkpoint
  }

  /** Closes the base for a fault of its data. */
  #fail(error: unknown): void {
    if (this.closing) return
    this._onError(plain(error, AUTOBASE))
  }
}
