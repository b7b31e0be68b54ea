import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { NoiseStream } from 'hyperdht'
import { BushelError } from '../../../../contracts/errors/error.js'
import { parsePrice } from '../../../../contracts/money/money.js'
import { DAY, HOUR, MIB } from '../../../../contracts/money/quantity.js'
import { setUp } from '../../../../src/daemon/setup.js'
import { Home } from '../../../../src/identity/home.js'
import type { Address } from '../../../../src/network/network.js'
import { openNode } from '../../../../src/node/node.js'
import type { Trade } from '../../../../src/node/trade/trade.js'
import type { BushelNode } from '../../../../src/node/node.js'
import { quiet } from '../../../parts/peers/rogues.js'
import { faultsBetween } from '../../../world/gate/invariants.js'
import { moneyStateOf } from '../../../world/gate/money-state.js'
import { FaultyWire } from './faulty-wire.js'
import { retry } from './retry.js'
import { faultLog } from '../../../doubles/fault-log.js'

/** At this price a KiB costs a dozen installments a month. */
const PRICE = parsePrice('1000000 sat/GiB-month').toString()
const BYTES = 4 << 10
const TIMEOUTS = { connect: 3000, quote: 1500, answer: 1500, seal: 1500, audit: 1500, upload: 10_000 }
const ATTEMPTS = 30
const QUIET_MS = 60_000

/** Two whole nodes as `up` runs them, with play wallets and a market, and a faulty wire between them. */
export class NodePair {
  readonly wire = new FaultyWire(method => 1.3 * (method === 'hello' ? TIMEOUTS.connect : TIMEOUTS.answer))
  /** Notes to the buyer. */
  readonly notes: string[]
  readonly #dir: string
  readonly #buyer: BushelNode
  readonly #provider: BushelNode
  #deals = 0

  private constructor(dir: string, buyer: BushelNode, provider: BushelNode, notes: string[]) {
    this.notes = notes
    this.#dir = dir
    this.#buyer = buyer
    this.#provider = provider
    for (const { network } of [buyer, provider])
      network.on('connection', (stream: NoiseStream) => this.wire.tap(stream))
  }

  static async open(dir: string, bootstrap: Address[]): Promise<NodePair> {
    const notes: string[] = []
    const [buyer, provider] = await Promise.all(
      ['buyer', 'provider'].map(async name => {
        await setUp({ home: join(dir, name) })
        return openNode({
          home: await Home.open(join(dir, name)),
          bootstrap,
          serve: true,
          policy: { firstInstallmentMsat: 1_000n, maxInstallmentMsat: 4_000n },
          timeouts: TIMEOUTS,
          log: faultLog(error => notes.push(String(error)))
        })
      })
    )
    const nodePair = new NodePair(dir, buyer!, provider!, notes)
    const { key } = await provider!.call('market.create', { name: 'gate' }, quiet)
    await buyer!.call('market.join', { key }, quiet)
    const offer = { space: 64 * MIB, price: PRICE, minTime: HOUR, maxTime: 365 * DAY, region: '' }
    await provider!.call('sell.storage', offer, quiet)
    return nodePair
  }

  async close(): Promise<void> {
    this.wire.close()
    await Promise.all([this.#buyer.close(), this.#provider.close()])
  }

  /** One deal from the first to the last installment, ended early, and the unused part refunded. */
  async deal(): Promise<void> {
    const path = join(this.#dir, `file-${this.#deals++}`)
    await writeFile(path, randomBytes(BYTES))
    const request = { path, copies: 1, time: 30 * DAY }
    const { leases } = await this.#retry(() => this.#buyer.call('mirror', request, quiet))
    await this.#retry(() => this.#buyer.call('leases.end', { id: leases[0]! }, quiet))
  }

  /** Resolves when nothing is pending on either side and both sides add up. */
  async settle(): Promise<void> {
    const [buyer, provider] = await Promise.all([this.#buyer.trade(), this.#provider.trade()])
    for (const until = Date.now() + QUIET_MS; ;) {
      await buyer.storage.maintenance!.look()
      for (const { debt } of [...buyer.storage.debts.list('creditor')])
        if (buyer.storage.refunds.isOwed(debt.debt.agreement)) await this.#claim(buyer, debt.debt.agreement)
      const faults = faultsBetween(await moneyStateOf(buyer), await moneyStateOf(provider))
      if (faults.length === 0) return
      if (Date.now() > until) assert.fail([...faults, ...this.notes].join('; '))
      await pause(100)
    }
  }

  /** Claims again at once, where a running node waits for a minute. */
  async #claim({ storage: { refunds } }: Trade, agreement: Buffer): Promise<void> {
    await refunds.claim(agreement).catch((error: unknown) => {
      if (!(error instanceof BushelError)) throw error
      this.notes.push(error.message)
    })
  }

  /** Repeats a step until it succeeds: its faults pass. */
  #retry<T>(step: () => Promise<T>): Promise<T> {
    return retry(step, ATTEMPTS, this.notes)
  }
}
