import type { Backend, Change, Range, Readable, Row } from '../../src/store/backend/backend.js'

/** A backend that counts the rows that are read from it. */
export class CountingBackend implements Backend {
  /** Rows read since the test last set it to 0. */
  reads = 0
  readonly disk: Readable
  #real: Backend

  constructor(real: Backend) {
    this.#real = real
    this.disk = this.#counted(() => real.disk)
  }

  get failed(): Backend['failed'] {
    return this.#real.failed
  }

  get stats(): Backend['stats'] {
    return this.#real.stats
  }

  ready(): Promise<void> {
    return this.#real.ready()
  }

  close(): Promise<void> {
    return this.#real.close()
  }

  on(...heard: Parameters<Backend['on']>): unknown {
    return this.#real.on(...heard)
  }

  get(key: Buffer): Buffer | null {
    this.reads++
    return this.#real.get(key)
  }

  *range(range: Range): Generator<Row, void, void> {
    yield* this.#rows(this.#real, range)
  }

  commit(changes: Change[]): Promise<void> {
    return this.#real.commit(changes)
  }

  copy(folder: string): Promise<void> {
    return this.#real.copy(folder)
  }

  #counted(real: () => Readable): Readable {
    return {
      get: key => {
        this.reads++
        return real().get(key)
      },
      range: range => this.#rows(real(), range)
    }
  }

  *#rows(from: Readable, range: Range): Generator<Row, void, void> {
    for (const row of from.range(range)) {
      this.reads++
      yield row
    }
  }
}
