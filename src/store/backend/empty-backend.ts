import type { Backend, Change, Readable, Row } from './backend.js'

/** What a command reads in a home whose node has never run. */
export class EmptyBackend implements Backend {
  readonly failed = null
  readonly stats = { commits: 0, flushes: 0 }

  get disk(): Readable {
    return this
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {}

  get(): null {
    return null
  }

  /** Nothing is written, so nothing fails. */
  on(): void {}

  *range(): Generator<Row, void, void> {}

  async commit(changes: Change[]): Promise<void> {
    if (changes.length > 0) throw new Error('an empty store cannot be written')
  }

  copy(): Promise<void> {
    return Promise.reject(new Error('an empty store cannot be copied'))
  }
}
