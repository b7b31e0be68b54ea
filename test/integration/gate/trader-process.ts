import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readingStore } from '../../../src/node/home-store.js'
import { Ledger } from '../../../src/payment/ledger.js'
import type { KillPoint, Fault, Hit, TraderCommand, Report, TraderOptions } from './trader-protocol.js'
import { STEP } from '../../../src/payment/payment-state.js'

export class Refusal extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** A trading node in a child process that can be killed and started again. */
export class Trader {
  readonly name: string
  readonly #options: TraderOptions
  #process: ChildProcess | null = null
  #asked = 0
  #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  /** Resolves when the process has ended, with the signal. */
  ended: Promise<string | null> = Promise.resolve(null)
  #struck: (() => void) | null = null
  /** Its internal faults, including those before a kill. */
  readonly faults: Fault[] = []

  constructor(name: string, home: string, bootstrap: TraderOptions['bootstrap']) {
    this.name = name
    this.#options = { home, bootstrap, hits: `${home}.hit` }
  }

  get alive(): boolean {
    return this.#process !== null
  }

  async start(): Promise<void> {
    const child = fork(fileURLToPath(new URL('./trader.js', import.meta.url)), [
      JSON.stringify(this.#options)
    ])
    this.#process = child
    this.ended = new Promise(resolve => {
      child.once('exit', (_code, signal) => {
        this.#process = null
        for (const { reject } of this.#waiting.values())
          reject(new Refusal('KILLED', `${this.name} was killed`))
        this.#waiting.clear()
        resolve(signal)
      })
    })
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (report: Report) => {
        if (report.event === 'ready') resolve()
        else if (report.event === 'struck') this.#struck?.()
        else if (report.event === 'fault') this.faults.push(report.fault)
        else {
          const waiting = this.#waiting.get(report.id)
          this.#waiting.delete(report.id)
          if (report.event === 'answer') waiting?.resolve(report.value)
          else waiting?.reject(new Refusal(report.code, report.message))
        }
      })
      child.once('exit', (code, signal) => reject(new Error(`${this.name} ended with ${signal ?? code}`)))
    })
    await ready
  }

  ask<T>(command: TraderCommand): Promise<T> {
    const child = this.#process
    if (!child) return Promise.reject(new Refusal('KILLED', `${this.name} is not there`))
    const id = ++this.#asked
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: value => resolve(value as T), reject })
      child.send({ ...command, id }, error => {
        if (error) reject(new Refusal('KILLED', error.message))
      })
    })
  }

  /**
   * Arms a kill of the node or of its Lightning process at a kill point; gives a function that waits for the
   * hit.
   */
  async arm(point: KillPoint): Promise<() => Promise<Hit>> {
    rmSync(this.#options.hits, { force: true })
    const struck = new Promise<void>(resolve => (this.#struck = resolve))
    const { ended } = this
    await this.ask({ do: 'arm', point })
    return async () => {
      if (point.victim === 'self') assert.equal(await ended, 'SIGKILL', `${this.name} was killed`)
      else await struck
      const hit = JSON.parse(readFileSync(this.#options.hits, 'utf8')) as Hit
      assert.deepEqual([hit.step, hit.phase], [point.step, point.phase])
      if (point.victim === 'self') await this.#prove(point, hit)
      return hit
    }
  }

  /** True when an armed kill point was hit. */
  get hit(): boolean {
    return existsSync(this.#options.hits)
  }

  /** Checks that the disk after the kill agrees with the kill point: the step is there, or not yet. */
  async #prove({ step, phase }: KillPoint, { hash }: Hit): Promise<void> {
    const stands = await readingStore(this.#options.home, store => {
      assert.deepEqual([...store.check()], [], `${this.name}: the store after the kill`)
      return new Ledger(store, 'ledger').byHash(Buffer.from(hash, 'hex'))?.step
    })
    // A step that is only noted (applied) goes to disk together with the next one.
    const same = stands === step || (step === STEP.applied && stands === STEP.receipt)
    if (phase === 'written') assert.ok(same, `${this.name}: ${step} stands on disk (${stands})`)
    else assert.notEqual(stands, step, `${this.name}: the step does not stand on disk yet`)
  }

  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL')
    await this.ended
  }
}
