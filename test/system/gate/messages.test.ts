import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import type { Method } from '../../../src/deal/methods.js'
import { DealPair } from '../../integration/gate/pair/deal-pair.js'
import type { DealOptions } from '../../integration/gate/pair/deal-pair.js'
import { NodePair } from '../../integration/gate/pair/node-pair.js'
import { sequence } from '../../world/gate/seed.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'
import { FAULT_KINDS } from '../../integration/gate/pair/faulty-wire.js'
import type { FaultKind, WireFault, Way } from '../../integration/gate/pair/faulty-wire.js'

/** Pairs that deal at the same time, since most of the time goes into waiting for lost messages. */
const PAIRS = 6

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
/** Messages of an extension whose answers differ from those of a deal, or decide about it. */
const EXTENDING: readonly Method[] = ['quote', 'agree', 'strip', 'paid', 'progress', 'seal', 'end']
const SEED = process.env['BUSHEL_GATE_SEED'] ?? randomBytes(4).toString('hex')
const FAULTS = Number(process.env['BUSHEL_GATE_MESSAGES'] ?? 40)
/** Real wallets are slower: their number of faults is divided by this. */
const SLOWER = 6
/** With these faults no request waits for what never comes. */
const ALL_ARRIVE: readonly FaultKind[] = ['duplicated', 'replayed', 'cut']
/** The share of messages that get a fault. */
const CHANCE = 1 / 12
const ATTEMPTS = 3
const WAYS: readonly Way[] = ['request', 'answer']

let testnet: Testnet
let dir: string
let opened = 0
const free: DealPair[] = []
const waiting: ((pair: DealPair) => void)[] = []

const fresh = (): Promise<DealPair> => DealPair.open(join(dir, String(opened++)), testnet.bootstrap)

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bushel-messages-'))
  testnet = await createTestnet(2, { host: '127.0.0.1' })
  free.push(...(await Promise.all(Array.from({ length: PAIRS }, fresh))))
})

after(async () => {
  await Promise.all(free.map(pair => pair.close()))
  await testnet.destroy()
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
})

/** Runs one task after the other on each pair; a pair that failed is not used again. */
async function onPair(work: (pair: DealPair) => Promise<void>): Promise<void> {
  let pair = free.pop() ?? (await new Promise<DealPair>(resolve => waiting.push(resolve)))
  try {
    await work(pair)
  } catch (error) {
    await pair.close()
    pair = await fresh()
    throw error
  } finally {
    const next = waiting.shift()
    if (next) next(pair)
    else free.push(pair)
  }
}

/** A deal with one fault in it, and the check of the sums once all is settled. */
async function dealWithFault(pair: DealPair, fault: WireFault): Promise<void> {
  const { method, way, faultKind } = fault
  pair.notes = []
  pair.isPatient = ALL_ARRIVE.includes(faultKind)
  const known = new Set((await pair.buyer.look()).bought.map(({ agreement }) => agreement))
  // An open connection has exchanged its hellos already.
  if (method === 'hello') pair.disconnect()
  const leases: Buffer[] = []
  if (method === 'credit') {
    leases.push(await pair.deal({ installments: 3 }))
    await pair.end(leases[0]!)
  }
  for (let attempt = 1; ; attempt++) {
    pair.wire.arm(fault)
    leases.push(await pair.deal(DEALS[method] ?? { installments: 3 }))
    await pair.end(leases.at(-1)!)
    for (const lease of leases) await pair.refund(lease)
    await pair.exchangeOnce(leases.at(-1)!)
    pair.wire.endFaults()
    await pair.wire.lateArrived()
    // A message to be replayed is gone with its connection, where that has ended meanwhile.
    if (pair.wire.count > 0 || faultKind !== 'replayed' || attempt === ATTEMPTS) break
  }
  assert.equal(pair.wire.count, 1, `${method} (${way}) was ${faultKind}`)
  await pair.settle()
  const { bought } = await pair.buyer.look()
  const fresh = bought.filter(({ agreement }) => !known.has(agreement))
  assert.equal(
    fresh.filter(({ paid }) => paid > 0).length,
    leases.length,
    `nothing paid for is given up: ${pair.notes.join('; ')}`
  )
  if (faultKind === 'cut')
    assert.equal(
      fresh.length,
      leases.length,
      `no agreement is lost with its connection: ${pair.notes.join('; ')}`
    )
  pair.isPatient = false
}

suite('deals survive one faulty message', { concurrency: PAIRS }, () => {
  for (const faultKind of FAULT_KINDS)
    for (const way of WAYS)
      for (const method of METHODS)
        test(`a deal survives a ${faultKind} ${way} of ${method}`, () =>
          onPair(pair => dealWithFault(pair, { method, way, faultKind })))
})

/** A lease that is extended with one fault in it, ended, and the check of the sums. */
async function extensionWithFault(pair: DealPair, fault: WireFault): Promise<void> {
  const { method, way, faultKind } = fault
  pair.notes = []
  pair.isPatient = ALL_ARRIVE.includes(faultKind)
  for (let attempt = 1; ; attempt++) {
    const lease = await pair.deal({ installments: 2 })
    pair.wire.arm(fault)
    const next = await pair.extend(lease)
    assert.equal(pair.provider.leases.get('provider', next)!.state, LEASE.NEXT)
    await pair.end(lease)
    for (const id of [lease, next]) await pair.refund(id)
    await pair.exchangeOnce(lease)
    pair.wire.endFaults()
    await pair.wire.lateArrived()
    assert.deepEqual(
      [lease, next].map(id => pair.buyer.leases.get('buyer', id)!.state),
      [LEASE.ENDED, LEASE.ENDED]
    )
    if (pair.wire.count > 0 || faultKind !== 'replayed' || attempt === ATTEMPTS) break
  }
  assert.equal(pair.wire.count, 1, `${method} (${way}) was ${faultKind}`)
  await pair.settle()
  pair.isPatient = false
}

suite('extensions survive one faulty message', { concurrency: PAIRS }, () => {
  for (const faultKind of FAULT_KINDS)
    for (const way of WAYS)
      for (const method of EXTENDING)
        test(`an extension survives a ${faultKind} ${way} of ${method}`, () =>
          onPair(pair => extensionWithFault(pair, { method, way, faultKind })))
})

test('money paid to a provider that falls silent is refunded when it is heard again', () =>
  onPair(async pair => {
    pair.wire.hits.clear()
    // As often as it is asked before it is given up.
    pair.wire.chooseFault = ({ method, way }) =>
      method === 'audit' && way === 'answer' && pair.wire.count < 3 ? 'lost' : null
    const before = await pair.buyer.look()
    const lease = await pair.deal({ installments: 3 })
    await pair.end(lease)
    await pair.refund(lease)
    await pair.settle()
    const { bought, owed } = await pair.buyer.look()
    assert.equal(pair.wire.count, 3)
    assert.equal(bought.length - before.bought.length, 2, 'another lease in its place')
    assert.equal(owed.length - before.owed.length, 1, 'of one installment all was used up: the least charge')
    const known = new Set(before.bought.map(({ agreement }) => agreement))
    const mine = bought.filter(({ agreement }) => !known.has(agreement))
    assert.ok(mine.every(({ state, paid }) => state === 'ENDED' && paid > 0))
  }))

test('a provider learns of the first payment before any upload, whenever its wallet reports it', () =>
  onPair(async pair => {
    const { wallet } = pair.provider
    wallet.emit = () => false
    pair.wire.arm({ method: 'paid', way: 'request', faultKind: 'lost' })
    const before = (await pair.buyer.look()).bought.length
    const lease = await pair.deal({ installments: 3 })
    Reflect.deleteProperty(wallet, 'emit')
    assert.equal(pair.wire.count, 1)
    assert.equal((await pair.buyer.look()).bought.length - before, 1, 'it was not given up')
    await pair.end(lease)
    await pair.refund(lease)
    await pair.settle()
  }))

test(`deals survive ${FAULTS} random faults, several in a deal (seed ${SEED})`, async t => {
  t.diagnostic(`again with BUSHEL_GATE_SEED=${SEED} BUSHEL_GATE_MESSAGES=${FAULTS}`)
  let faultCount = 0
  let broken = false
  const work = async (pair: DealPair, random: () => number): Promise<void> => {
    while (!broken && faultCount < FAULTS) {
      const more = await disturb(pair, random)
      faultCount += more
    }
  }
  const pairs = Array.from({ length: PAIRS }, (_, i) =>
    onPair(pair => work(pair, sequence(`${SEED}/${i}`))).catch((error: unknown) => {
      broken = true
      throw error
    })
  )
  // The other pairs finish before the first failure is reported.
  await Promise.allSettled(pairs)
  await Promise.all(pairs)
})

/** A deal, or one whose debt is credited to the next, on a wire with random faults. */
async function disturb(pair: DealPair, random: () => number): Promise<number> {
  pair.notes = []
  pair.wire.hits.clear()
  pair.wire.disturb(random, CHANCE)
  const leases: Buffer[] = []
  for (let more = true; more; more = random() < 0.4) {
    const installments = 2 + Math.floor(random() * 4)
    const failing = random() < 0.3 ? { failing: Math.floor(random() * installments) } : {}
    const pending = random() < 0.3 ? { pending: Math.floor(random() * installments) } : {}
    leases.push(await pair.deal({ installments, ...failing, ...pending }))
    await pair.end(leases.at(-1)!)
  }
  for (const lease of leases) if (random() < 0.5) await pair.refund(lease)
  pair.wire.endFaults()
  await pair.wire.lateArrived()
  await pair.settle()
  return pair.wire.count
}

test(`deals between two nodes with play wallets survive ${Math.ceil(FAULTS / SLOWER)} random faults (seed ${SEED})`, async t => {
  const nodePair = await NodePair.open(join(dir, 'nodes'), testnet.bootstrap)
  t.after(() => nodePair.close())
  const random = sequence(`${SEED}/nodes`)
  while (nodePair.wire.count < FAULTS / SLOWER) {
    nodePair.wire.disturb(random, CHANCE)
    await nodePair.deal()
    nodePair.wire.endFaults()
    await nodePair.wire.lateArrived()
    await nodePair.settle()
    nodePair.notes.length = 0
  }
})
