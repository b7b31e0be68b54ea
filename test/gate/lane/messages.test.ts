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

/** Pairs that deal at the same time: what takes longest is waiting for what does not come. */
const LANES = 6

/** What a deal needs to come to a message. */
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
/** Real wallets take longer: so many of them less. */
const SLOWER = 6
/** Of so many messages one goes astray. */
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

/** One after the other on each pair; a pair that something went wrong with is not used again. */
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

/** A deal with one mishap in it, and the sums when all is quiet. */
async function befall(lane: Lane, mishap: Mishap): Promise<void> {
  const { method, way, mischief } = mishap
  lane.notes = []
  const known = new Set((await lane.buyer.look()).bought.map(({ agreement }) => agreement))
  // A connection that stands has been greeted.
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
    // What was to come once more is gone with its connection, where that has ended meanwhile.
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

suite('one message of a deal misbehaves, once', { concurrency: LANES }, () => {
  for (const mischief of MISCHIEFS)
    for (const way of WAYS)
      for (const method of METHODS)
        test(`${method}, its ${way} ${mischief}`, () =>
          onLane(lane => befall(lane, { method, way, mischief })))
})

test('what was paid to a provider that falls silent is paid back when it is heard again', () =>
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

test('a provider hears of the first payment before anything is uploaded, whatever its wallet says when', () =>
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

test(`${MISHAPS} mishaps at random, several in a deal (seed ${SEED})`, async t => {
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
  // The others come to an end before the first that failed is told of.
  await Promise.allSettled(lanes)
  await Promise.all(lanes)
})

/** A deal, or one and what it owes credited to the next, on a wire of which nobody knows what it does next. */
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

test(`${Math.ceil(MISHAPS / SLOWER)} mishaps at random between two nodes with play wallets (seed ${SEED})`, async t => {
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
