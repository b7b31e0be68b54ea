import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Corestore from 'corestore'
import Hyperbee from 'hyperbee'
import crypto from 'hypercore-crypto'
import type { MarketRules, Order } from '#spec'
import { apply } from '../../../src/book/view/apply.js'
import type { ApplyHost } from '../../../src/book/view/apply.js'
import { encodeOperation } from '../../../src/book/view/operation.js'
import { marketRules } from '../../../src/book/view/rules.js'

/** Views written by the test: apply on a Hyperbee of its own, with a base that only records its calls. */
export class Views {
  readonly #store: Corestore
  readonly #dir: string
  #made = 0

  private constructor(dir: string) {
    this.#dir = dir
    this.#store = new Corestore(dir)
  }

  static async open(): Promise<Views> {
    return new Views(await mkdtemp(join(tmpdir(), 'bushel-view-')))
  }

  async make(market: Buffer): Promise<TestView> {
    const core = this.#store.get({ name: `view-${this.#made++}` })
    const bee = new Hyperbee(core, { extension: false, keyEncoding: 'binary', valueEncoding: 'binary' })
    await bee.ready()
    return new TestView(bee, market)
  }

  async close(): Promise<void> {
    await this.#store.close()
    await rm(this.#dir, { recursive: true })
  }
}

export class TestView {
  readonly bee: Hyperbee
  readonly market: Buffer
  readonly writers = new Set<string>()

  constructor(bee: Hyperbee, market: Buffer) {
    this.bee = bee
    this.market = market
  }

  /** Writes the rules and a first tick. */
  async begin(rules: MarketRules, time: number): Promise<void> {
    await this.say(encodeOperation('rules', rules), encodeOperation('tick', { time }))
  }

  /** Appends values as the founder. */
  async say(...values: Buffer[]): Promise<void> {
    await this.from(this.market, ...values)
  }

  async tick(time: number): Promise<void> {
    await this.say(encodeOperation('tick', { time }))
  }

  /** Appends values as a writer, one block each. */
  async from(writer: Buffer, ...values: Buffer[]): Promise<void> {
    const host: ApplyHost = {
      key: this.market,
      addWriter: async (key, { indexer }) => {
        if (indexer) throw new Error('a second indexer')
        this.writers.add(key.toString('hex'))
      },
      removeWriter: async key => {
        this.writers.delete(key.toString('hex'))
      }
    }
    await apply(
      values.map(value => ({ from: { key: writer }, value })),
      this.bee,
      host
    )
  }

  async orders(...records: Buffer[]): Promise<void> {
    await this.from(this.market, encodeOperation('orders', { orders: records }))
  }

  /** Every key and value of the view. */
  async content(): Promise<string[]> {
    const all: string[] = []
    for await (const { key, value } of this.bee.createReadStream()) {
      all.push(`${key.toString('hex')}=${value?.toString('hex') ?? ''}`)
    }
    return all
  }
}

export function lenient(override: Record<string, number> = {}): MarketRules {
  return marketRules(crypto.randomBytes(32), 'by hand', { stampBits: 0, ...override })
}

/** Options under which no stamp is needed. */
export const unstamped = { stampFor: (_: Order) => ({ tick: 0, bits: 0 }) }
