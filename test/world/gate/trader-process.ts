import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { readingStore } from '../../../src/node/home-store.js'
import { Ledger } from '../../../src/payment/ledger.js'
import type { Child } from '../child.js'
import { Refusal } from '../child.js'
import type { Children } from '../children.js'
import type { KillPoint, Fault, Hit, TraderCommand, Report, TraderOptions } from './trader-protocol.js'
import { STEP } from '../../../src/payment/payment-state.js'

/** A trading node in a child process that can be killed and started again. */
export class Trader {
  readonly name: string
  readonly #children: Children
  readonly #options: TraderOptions
  #process: Child | null = null
  /** Its internal faults, including those before a kill. */
  readonly faults: Fault[] = []

  constructor(name: string, children: Children, bootstrap: TraderOptions['bootstrap']) {
    this.name = name
    this.#children = children
    const home = children.at(name)
    this.#options = { home, bootstrap, hits: `${home}.hit` }
  }

  get alive(): boolean {
    return this.#process?.running === true
  }

  async start(): Promise<void> {
    const child = this.#children.fork(new URL('./trader.js', import.meta.url), { options: this.#options })
    this.#process = child
    child.on('event', (report: Report) => {
      if (report.event === 'fault') this.faults.push(report.fault)
    })
    await child.next(({ event }) => event === 'ready')
  }

  async ask<T>(command: TraderCommand): Promise<T> {
    if (!this.#process) throw new Refusal('KILLED', `${this.name} is not there`)
    return await this.#process.ask<T>(command)
  }

  /**
   * Arms a kill of the node or of its Lightning process at a kill point; gives a function that waits for the
   * hit.
   */
  async arm(point: KillPoint): Promise<() => Promise<Hit>> {
    rmSync(this.#options.hits, { force: true })
    const child = this.#process!
    const struck = point.victim === 'self' ? null : child.next(({ event }) => event === 'struck')
    struck?.catch(() => undefined) // awaited below
    await this.ask({ do: 'arm', point })
    return async () => {
      if (struck) await struck
      else assert.equal((await child.ended).signal, 'SIGKILL', `${this.name} was killed`)
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
    await this.#process?.kill('SIGKILL')
  }
}
