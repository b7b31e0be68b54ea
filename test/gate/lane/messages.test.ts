import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import type { Method } from '../../../src/deal/methods.js'
import { Lane } from './lane.js'
import type { DealOptions } from './lane.js'
import { Nodes } from './nodes.js'
import { sequence } from '../seed.js'
import { MISCHIEFS } from './wire.js'
import type { Mishap, Way } from './wire.js'

/** Pairs that deal at the same time, since most of the time goes into waiting for lost messages. */
const LANES = 6

/** Deals in which a message of each method is sent. */
const DEALS: Partial<Record<Method, DealOptions>> = {
  topup: { installments: 66 },
  void: { installments: 3, failing: 1 }
}
const METHODS: readonly Method[] = [
  'hello',
  'quote',
  'agree',
  'strip',
  'topup',
  'paid',
  'progress',
  'seal',
  'audit',
  'counter',
  'void',
  'end',
  'refund',
  'credit'
]
const SEED = process.env['BUSHEL_GATE_SEED'] ?? randomBytes(4).toString('hex')
const MISHAPS = Number(process.env['BUSHEL_GATE_MESSAGES'] ?? 40)
/** Real wallets are slower: their number of faults is divided by this. */
const SLOWER = 6
/** The share of messages that get a fault. */
const CHANCE = 1 / 12
const ATTEMPTS = 3
const WAYS: readonly Way[] = ['request', 'answer']

let testnet: Testnet
let dir: string
let opened = 0
const free: Lane[] = []
const waiting: ((lane: Lane) => void)[] = []

const fresh = (): Promise<Lane> => Lane.open(join(dir, String(opened++)), testnet.bootstrap)

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bushel-messages-'))
  testnet = await createTestnet(2, { host: '127.0.0.1' })
  free.push(...(await Promise.all(Array.from({ length: LANES }, fresh))))
})

after(async () => {
  await Promise.all(free.map(lane => lane.close()))
  await testnet.destroy()
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
})

/** Runs one task after the other on each pair; a pair that failed is not used again. */
async function onLane(work: (lane: Lane) => Promise<void>): Promise<void> {
  let lane = free.pop() ?? (await new Promise<Lane>(resolve => waiting.push(resolve)))
  try {
    await work(lane)
  } catch (error) {
    await lane.close()
    lane = await fresh()
    throw error
  } finally {
    const next = waiting.shift()
    if (next) next(lane)
    else free.push(lane)
  }
}

/** A deal with one fault in it, and the check of the sums once all is settled. */
async function befall(lane: Lane, mishap: Mishap): Promise<void> {
  const { method, way, mischief } = mishap
  lane.notes = []
  const known = new Set((await lane.buyer.look()).bought.map(({ agreement }) => agreement))
  // An open connection has exchanged its hellos already.
  if (method === 'hello') lane.part()
  const leases: Buffer[] = []
  if (method === 'credit') {
    leases.push(await lane.deal({ installments: 3 }))
    await lane.end(leases[0]!)
  }
  for (let attempt = 1; ; attempt++) {
    lane.wire.arm(mishap)
    leases.push(await lane.deal(DEALS[method] ?? { installments: 3 }))
    await lane.end(leases.at(-1)!)
    for (const lease of leases) await lane.refund(lease)
    await lane.farewell(leases.at(-1)!)
    lane.wire.rest()
    await lane.wire.over()
    // A message to be replayed is gone with its connection, where that has ended meanwhile.
    if (lane.wire.count > 0 || mischief !== 'again' || attempt === ATTEMPTS) break
  }
  assert.equal(lane.wire.count, 1, `${method} (${way}) was ${mischief}`)
  await lane.settle()
  const { bought } = await lane.buyer.look()
  const fresh = bought.filter(({ agreement }) => !known.has(agreement))
  assert.equal(
    fresh.filter(({ paid }) => paid > 0).length,
    leases.length,
    `nothing paid for is given up: ${lane.notes.join('; ')}`
  )
  if (mischief === 'cut')
    assert.equal(fresh.length, leases.length, 'no agreement is lost with its connection')
}

suite('deals survive one faulty message', { concurrency: LANES }, () => {
  for (const mischief of MISCHIEFS)
    for (const way of WAYS)
      for (const method of METHODS)
        test(`a deal survives a ${mischief} ${way} of ${method}`, () =>
          onLane(lane => befall(lane, { method, way, mischief })))
})

test('money paid to a provider that falls silent is refunded when it is heard again', () =>
  onLane(async lane => {
    lane.wire.hits.clear()
    // As often as it is asked before it is given up.
    lane.wire.fate = ({ method, way }) =>
      method === 'audit' && way === 'answer' && lane.wire.count < 3 ? 'lost' : null
    const before = await lane.buyer.look()
    const lease = await lane.deal({ installments: 3 })
    await lane.end(lease)
    await lane.refund(lease)
    await lane.settle()
    const { bought, owed } = await lane.buyer.look()
    assert.equal(lane.wire.count, 3)
    assert.equal(bought.length - before.bought.length, 2, 'another lease in its place')
    assert.equal(owed.length - before.owed.length, 1, 'of one installment all was used up: the least charge')
    const known = new Set(before.bought.map(({ agreement }) => agreement))
    const mine = bought.filter(({ agreement }) => !known.has(agreement))
    assert.ok(mine.every(({ state, paid }) => state === 'ENDED' && paid > 0))
  }))

test('a provider learns of the first payment before any upload, whenever its wallet reports it', () =>
  onLane(async lane => {
    const { purse } = lane.provider
    purse.emit = () => false
    lane.wire.arm({ method: 'paid', way: 'request', mischief: 'lost' })
    const before = (await lane.buyer.look()).bought.length
    const lease = await lane.deal({ installments: 3 })
    Reflect.deleteProperty(purse, 'emit')
    assert.equal(lane.wire.count, 1)
    assert.equal((await lane.buyer.look()).bought.length - before, 1, 'it was not given up')
    await lane.end(lease)
    await lane.refund(lease)
    await lane.settle()
  }))

test(`deals survive ${MISHAPS} random faults, several in a deal (seed ${SEED})`, async t => {
  t.diagnostic(`again with BUSHEL_GATE_SEED=${SEED} BUSHEL_GATE_MESSAGES=${MISHAPS}`)
  let mishaps = 0
  let broken = false
  const work = async (lane: Lane, random: () => number): Promise<void> => {
    while (!broken && mishaps < MISHAPS) {
      const more = await rage(lane, random)
      mishaps += more
    }
  }
  const lanes = Array.from({ length: LANES }, (_, i) =>
    onLane(lane => work(lane, sequence(`${SEED}/${i}`))).catch((error: unknown) => {
      broken = true
      throw error
    })
  )
  // The other pairs finish before the first failure is reported.
  await Promise.allSettled(lanes)
  await Promise.all(lanes)
})

/** A deal, or one whose debt is credited to the next, on a wire with random faults. */
async function rage(lane: Lane, random: () => number): Promise<number> {
  lane.notes = []
  lane.wire.hits.clear()
  lane.wire.rage(random, CHANCE)
  const leases: Buffer[] = []
  for (let more = true; more; more = random() < 0.4) {
    const installments = 2 + Math.floor(random() * 4)
    const failing = random() < 0.3 ? { failing: Math.floor(random() * installments) } : {}
    const limbo = random() < 0.3 ? { limbo: Math.floor(random() * installments) } : {}
    leases.push(await lane.deal({ installments, ...failing, ...limbo }))
    await lane.end(leases.at(-1)!)
  }
  for (const lease of leases) if (random() < 0.5) await lane.refund(lease)
  lane.wire.rest()
  await lane.wire.over()
  await lane.settle()
  return lane.wire.count
}

test(`deals between two nodes with play wallets survive ${Math.ceil(MISHAPS / SLOWER)} random faults (seed ${SEED})`, async t => {
  const nodes = await Nodes.open(join(dir, 'nodes'), testnet.bootstrap)
  t.after(() => nodes.close())
  const random = sequence(`${SEED}/nodes`)
  while (nodes.wire.count < MISHAPS / SLOWER) {
    nodes.wire.rage(random, CHANCE)
    await nodes.deal()
    nodes.wire.rest()
    await nodes.wire.over()
    await nodes.settle()
    nodes.notes.length = 0
  }
})
