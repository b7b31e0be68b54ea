import { BufferedBackend } from '../../src/store/backend/buffered-backend.js'
import type { Backend, Change, Range, Row } from '../../src/store/backend/backend.js'

/**
 * A backend whose flush takes long: a commit is seen at once, reaches the real backend only `flushMs` later, and resolves
 * after that. A process that is killed meanwhile loses it, as in a loss of power, so an outside act that did not wait for
 * the flush is found out.
 */
export class VolatileBackend extends BufferedBackend {
  readonly folder: string
  /** How long the next flushes take. */
  flushMs: number
  #real: Backend

  constructor(folder: string, real: Backend, { flushMs = 5 } = {}) {
    super()
    this.folder = folder
    this.#real = real
    this.flushMs = flushMs
  }

  protected override async _open(): Promise<void> {
    await this.#real.ready()
  }

  protected override async _closeFiles(): Promise<void> {
    await this.#real.close()
  }

  protected override _read(key: Buffer): Buffer | null {
    return this.#real.disk.get(key)
  }

  protected override _rows(range: Range): Generator<Row, void, void> {
    return this.#real.disk.range(range)
  }

  protected override async _write(changes: Change[]): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, this.flushMs))
    await this.#real.commit(changes)
  }

  protected override async _copy(folder: string): Promise<void> {
    await this.#real.copy(folder)
  }
}
