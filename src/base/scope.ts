import type { EventEmitter } from 'node:events'

/** Undoes one registration. Its errors are thrown by the scope's `close`. */
export type Disposer = () => unknown

/** What is opened before use and closed after it, each at most once. */
export interface Resource {
  ready(): Promise<unknown>
  close(): Promise<unknown>
}

/** Opens a resource for its caller to close; closes it when it cannot be opened. */
export async function opened<R extends Resource>(resource: R): Promise<R> {
  try {
    await resource.ready()
  } catch (error) {
    await resource.close()
    throw error
  }
  return resource
}

type Listener = (...args: never[]) => unknown

/**
 * Collects what one part has opened and registered with parts that outlive it: listeners, handlers, topics. Closing
 * undoes all of it, the newest first; when a step fails it does the others and then rejects with that error (an
 * AggregateError of several).
 */
export class Scope {
  readonly #undo: Disposer[] = []
  #closing: Promise<void> | null = null

  /** Number of disposers that closing would run. */
  get size(): number {
    return this.#undo.length
  }

  /** Calls `dispose` at close; at once when the scope is closed already. */
  add(dispose: Disposer): void {
    if (this.#closing) this.#closing = this.#closing.finally(() => dispose())
    else this.#undo.push(dispose)
  }

  /** Adds a listener that is removed at close. */
  on(emitter: EventEmitter, event: string, listener: Listener): void {
    emitter.on(event, listener as (...args: unknown[]) => void)
    this.add(() => emitter.off(event, listener as (...args: unknown[]) => void))
  }

  /** Opens a resource and closes it with the scope, also when it could not be opened. */
  async open<R extends Resource>(resource: R): Promise<R> {
    this.add(() => resource.close())
    await resource.ready()
    return resource
  }

  /** Runs `work`; when it fails, what was registered so far is undone. */
  async guard(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const errors: unknown[] = []
    for (let dispose = this.#undo.pop(); dispose; dispose = this.#undo.pop()) {
      try {
        await dispose()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, 'several parts could not be closed')
  }
}
