import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { parsePrice } from '../../../contracts/money/money.js'
import type { Address } from '../../../src/network/network.js'
import { setUp } from '../../../src/daemon/setup.js'
import { faultsBetween } from './invariants.js'
import type { KillPoint, MoneyState } from './trader-protocol.js'
import { Refusal } from '../child.js'
import { Children } from '../children.js'
import type { Scope } from '../children.js'
import { Trader } from './trader-process.js'

/** At this price a KiB costs a dozen installments a month. */
const PRICE = parsePrice('1000000 sat/GiB-month')
const BYTES = 24 << 10
const ATTEMPTS = 30
/** A claim that a kill interrupted is made again after a minute, or at the check after that. */
const QUIET_MS = 150_000
/** Errors of a step whose other side or Lightning process was killed during it. */
const PASSING = new Set([
  'PEER_GONE',
  'PEER_UNREACHABLE',
  'TIMEOUT',
  'NOT_RECEIVED',
  'PAYMENT_PENDING',
  'NO_ROUTE'
])
/** The other side may finish a deal before the kill point is reached. */
const HIT_MS = 10_000

/**
 * A buyer and a provider on a private network that make one deal after the other while processes are killed.
 */
export class KillHarness {
  readonly #children: Children
  readonly buyer: Trader
  readonly provider: Trader
  #deals = 0
  #restarting: Promise<void> | null = null
  kills = 0

  private constructor(children: Children, bootstrap: Address[]) {
    this.#children = children
    this.buyer = new Trader('buyer', children, bootstrap)
    this.provider = new Trader('provider', children, bootstrap)
  }

  static async open(scope: Scope): Promise<KillHarness> {
    const children = await Children.open(scope)
    const harness = new KillHarness(children, await children.testnet())
    for (const { name } of harness.#both) await setUp({ home: children.at(name) })
    await Promise.all(harness.#both.map(trader => trader.start()))
    const { key } = await harness.provider.ask<{ key: string }>({ do: 'found' })
    await harness.buyer.ask({ do: 'join', key })
    await harness.provider.ask({ do: 'sell', price: PRICE.toString() })
    return harness
  }

  get #both(): Trader[] {
    return [this.buyer, this.provider]
  }

  /** Starts killed processes again, including those killed meanwhile. */
  restartKilled(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => (this.#restarting = null))
    return this.#restarting
  }

  async #restart(): Promise<void> {
    for (let dead = this.#dead; dead.length > 0; dead = this.#dead)
      await Promise.all(dead.map(trader => trader.start()))
  }

  get #dead(): Trader[] {
    return this.#both.filter(trader => !trader.alive)
  }

  /** One deal from the first to the last installment, begun again after each kill. Gives the lease. */
  async deal(): Promise<string> {
    const path = this.#children.at(`file-${this.#deals++}`)
    await writeFile(path, randomBytes(BYTES))
    const { leases } = await this.retry(() => this.buyer.ask<{ leases: string[] }>({ do: 'mirror', path }))
    return leases[0]!
  }

  /** Ends a lease early and has the unused part refunded. */
  async end(lease: string): Promise<void> {
    await this.retry(() => this.buyer.ask({ do: 'end', lease }))
  }

  /** Repeats a step until it succeeds: a kill may interrupt it at any point. */
  async retry<T>(step: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await step()
      } catch (error) {
        if (!(error instanceof Refusal) || attempt === ATTEMPTS) throw error
        await pause(20 * attempt) // the exit of a process is reported a moment after its answers stop
        await this.restartKilled()
      }
    }
  }

  /**
   * Resolves when nothing is pending on either side and both sides add up. Rejects when a node reported an
   * internal fault, even one that was killed since.
   */
  async settle(): Promise<void> {
    await this.restartKilled()
    for (const until = Date.now() + QUIET_MS; ;) {
      const [buyer, provider] = await Promise.all([
        this.retry(() => this.buyer.ask<MoneyState>({ do: 'state' })),
        this.retry(() => this.provider.ask<MoneyState>({ do: 'state' }))
      ])
      const faults = faultsBetween(buyer, provider)
      if (faults.length === 0) break
      if (Date.now() > until) assert.fail(faults.join('\n'))
      await pause(100)
    }
    const faults = this.#both.flatMap(({ name, faults }) =>
      faults.splice(0).map(({ code, text }) => ({ code, text: `${name}: ${code} ${text}` }))
    )
    const lasting = faults.filter(({ code }) => !PASSING.has(code))
    assert.deepEqual(
      lasting.map(({ text }) => text),
      []
    )
  }

  /** One deal with a kill at this point (with `both`, of the other side too), and the check of the sums. */
  async dealWithKill(trader: Trader, point: KillPoint, { both = false } = {}): Promise<void> {
    const hit = await trader.arm(point)
    const other = trader === this.buyer ? this.provider : this.buyer
    const struck = hit()
      .then(() => (both ? other.kill() : undefined))
      .then(() => this.restartKilled())
    struck.catch(() => undefined) // awaited below
    const lease = await this.deal()
    if (point.kind === 'refund') await this.end(lease)
    await Promise.race([struck, pause(HIT_MS)])
    assert.ok(trader.hit, `${trader.name} came to ${point.step} (${point.kind}, ${point.phase})`)
    await struck
    this.kills++
    await this.settle()
  }
}
