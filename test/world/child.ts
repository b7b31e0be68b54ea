import { on, once } from 'node:events'
import { BushelProcess } from '../../bin/demo/processes.js'
import type { ProcessOptions } from '../../bin/demo/processes.js'

/** An error that a child process answered with, or `KILLED` when it ended before its answer. */
export class Refusal extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** What a child process sends, see parent.ts: an answer, or an event of its own. */
type FromChild =
  { answer: number; value?: unknown; error?: { code: string; message: string } } | { event: unknown }

const PRINTED_KEPT = 64 * 1024

/** A child process of a test, with messages both ways. */
export class Child extends BushelProcess {
  #stdout = ''
  #asked = 0
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()

  constructor(command: string, argv: readonly string[], options: ProcessOptions) {
    super(command, argv, options)
    this.child.stdout!.on(
      'data',
      (text: string) => (this.#stdout = (this.#stdout + text).slice(-PRINTED_KEPT))
    )
    this.child.on('message', (message: FromChild) => this.#onmessage(message))
    this.on('end', () => {
      for (const { reject } of this.#waiting.values()) reject(this.#gone())
      this.#waiting.clear()
    })
  }

  /** What it printed to standard output, the last 64 KiB. */
  get stdout(): string {
    return this.#stdout
  }

  /** The next event that `is` accepts. Rejects when the process ends first. */
  next<M = Record<string, unknown>>(is: (event: M) => boolean = () => true): Promise<M> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.off('event', onevent)
        this.off('end', onend)
      }
      const onevent = (event: M): void => {
        if (!is(event)) return
        done()
        resolve(event)
      }
      const onend = (): void => {
        done()
        reject(this.#gone())
      }
      this.on('event', onevent)
      this.on('end', onend)
      if (!this.running) onend()
    })
  }

  /** Sends an order and gives the answer. Rejects with a `Refusal`. */
  ask<T>(order: object): Promise<T> {
    if (!this.child.connected) return Promise.reject(this.#gone())
    const id = ++this.#asked
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: value => resolve(value as T), reject })
      this.child.send({ ask: id, order }, error => {
        if (error) reject(this.#gone())
      })
    })
  }

  /** Each line that it prints from now on, until it ends. */
  async *printed<L>(): AsyncGenerator<L> {
    if (!this.running) return
    for await (const [line] of on(this, 'line', { close: ['end'] }) as AsyncIterable<[L]>) yield line
  }

  /** Waits until it has printed this text to standard error. */
  async said(text: string): Promise<void> {
    while (!this.stderr.includes(text)) {
      if (!this.running) throw this.#gone()
      await Promise.race([once(this.child.stderr!, 'data'), this.ended])
    }
  }

  #onmessage(message: FromChild): void {
    if ('event' in message) return void this.emit('event', message.event)
    const waiting = this.#waiting.get(message.answer)
    this.#waiting.delete(message.answer)
    if (message.error) waiting?.reject(new Refusal(message.error.code, message.error.message))
    else waiting?.resolve(message.value)
  }

  #gone(): Refusal {
    return new Refusal('KILLED', `${this.command}: ${this.lastWords()}`)
  }
}
