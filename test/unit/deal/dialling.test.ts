import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import { MINUTE } from '../../../contracts/money/quantity.js'
import { DIALS_AT_ONCE, dialSellers, firstAnswers } from '../../../src/deal/sellers/dialling.js'
import type { DialOptions } from '../../../src/deal/sellers/dialling.js'
import { SlowSellers, slowNotes } from '../../../src/deal/sellers/slow-sellers.js'
import { ManualClock, turn } from '../../doubles/manual-clock.js'

interface Seller {
  device: Buffer
  identity: Buffer
}

const key = (i: number): Buffer => Buffer.alloc(32, String(i).padStart(8, '0'))
const sellers = (count: number): Seller[] =>
  Array.from({ length: count }, (_, i) => ({ device: key(i), identity: key(i) }))
const away = (): BushelError => new BushelError('PEER_UNREACHABLE', 'away')

/** Answers dials by the number of the seller, and counts them. */
class Phone {
  readonly dialled: { seller: number; knownOnly: boolean }[] = []
  readonly clock = new ManualClock()
  underWay = 0
  mostUnderWay = 0

  constructor(readonly answer: (seller: number, knownOnly: boolean) => Promise<void>) {}

  options(least: number, most: number, change: Partial<DialOptions> = {}): DialOptions {
    const open: DialOptions['open'] = async (device, { knownOnly, signal }) => {
      const seller = Number(device.subarray(0, 8).toString())
      this.dialled.push({ seller, knownOnly })
      this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay)
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
      try {
        await Promise.race([this.answer(seller, knownOnly), aborted])
      } finally {
        this.underWay--
      }
    }
    const signal = new AbortController().signal
    return { open, least, most, timeoutMs: 10_000, graceMs: 1000, signal, clock: this.clock, ...change }
  }

  async after(ms: number): Promise<void> {
    for (let i = 0; i < 5; i++) await turn()
    await this.clock.advance(ms)
    for (let i = 0; i < 5; i++) await turn()
  }
}

const silent = (): Promise<void> => new Promise(() => undefined)

test('a seller behind 2,000 that nobody runs is found with one dial of each, 32 at a time', async () => {
  const phone = new Phone(async seller => {
    await turn()
    if (seller !== 2000) throw away()
  })
  const { reached, failed } = await dialSellers(sellers(2001), phone.options(1, 3))
  assert.deepEqual(
    reached.map(({ device }) => device),
    [key(2000)]
  )
  assert.equal(failed.length, 2000)
  assert.equal(phone.dialled.length, 2001)
  assert.equal(phone.mostUnderWay, DIALS_AT_ONCE)
})

test('sellers that do not answer hold the others back for the head start alone', async () => {
  const phone = new Phone(async seller => (seller < 20 ? silent() : undefined))
  const found = dialSellers(sellers(40), phone.options(1, 3))
  await phone.after(0)
  assert.equal(phone.dialled.length, 3, 'no more than are wished for')
  await phone.after(300)
  assert.equal(phone.dialled.length, DIALS_AT_ONCE)
  await phone.after(1000)
  assert.deepEqual(
    (await found).reached.map(({ device }) => device),
    [key(20), key(21), key(22)]
  )
  assert.equal(phone.underWay, 0, 'the silent ones are no longer dialled')
})

test('sellers to which a way through the routers is looked for hold up no others, and are waited for alone', async () => {
  const phone = new Phone(async seller => (seller === 45 ? undefined : silent()))
  const found = dialSellers(sellers(46), phone.options(1, 1))
  await phone.after(300)
  assert.equal(phone.dialled.length, DIALS_AT_ONCE)
  await phone.after(10_000)
  assert.equal(phone.dialled.length, 46, 'the late ones left their places')
  await phone.after(1000)
  assert.deepEqual(
    (await found).reached.map(({ device }) => device),
    [key(45)]
  )
  assert.equal(phone.underWay, 0)
})

test('late sellers beyond a few do hold places, so that those who only pretend to be reachable stay few', async () => {
  const phone = new Phone(silent)
  const stop = new AbortController()
  const found = dialSellers(sellers(100), phone.options(1, 1, { signal: stop.signal }))
  for (const ms of [300, 10_000, 10_000, 10_000]) await phone.after(ms)
  assert.equal(phone.underWay, DIALS_AT_ONCE + 16)
  stop.abort()
  await assert.rejects(found)
})

test('a seller that was looked for longer than the others may take is not dialled a second time', async () => {
  let fail = (): void => undefined
  const failing = new Promise<never>((_, reject) => (fail = () => reject(away())))
  const phone = new Phone(async seller => (seller === 0 ? failing : Promise.reject(away())))
  const found = dialSellers(sellers(2), phone.options(1, 1))
  await phone.after(300)
  await phone.after(40_000)
  fail()
  const { reached, failed } = await found
  assert.deepEqual([reached.length, failed.length], [0, 2])
  assert.deepEqual(
    phone.dialled.map(({ seller }) => seller),
    [0, 1, 1]
  )
})

test('a seller that ranks better and answers a little later is preferred', async () => {
  let answer = (): void => undefined
  const later = new Promise<void>(resolve => (answer = resolve))
  const phone = new Phone(async seller => (seller === 0 ? later : undefined))
  const found = dialSellers(sellers(3), phone.options(1, 2))
  await phone.after(900)
  answer()
  assert.deepEqual(
    (await found).reached.map(({ device }) => device),
    [key(0), key(1)]
  )
})

test('sellers that had not answered when others were enough are told apart, and dialled last', async () => {
  const phone = new Phone(async seller => (seller < 2 || seller === 4 ? silent() : undefined))
  const found = dialSellers(sellers(5), phone.options(1, 2))
  await phone.after(300)
  await phone.after(1000)
  const { reached, failed, slower } = await found
  const numbers = (asks: readonly Seller[]) =>
    asks.map(({ device }) => Number(device.subarray(0, 8).toString()))
  assert.deepEqual([numbers(reached), failed, numbers(slower)], [[2, 3], [], [0, 1]])
  let now = 0
  const slow = new SlowSellers(() => now)
  for (const { device } of slower) slow.add(device)
  for (const { device } of slower) slow.away(device)
  assert.deepEqual(numbers(slow.last(sellers(5))), [2, 3, 4, 0, 1])
  now += 10 * MINUTE - 1
  assert.deepEqual(numbers(slow.last(sellers(5))), [2, 3, 4, 0, 1], 'to be away does not shorten it')
  now -= 10 * MINUTE - 1
  now += 10 * MINUTE
  assert.deepEqual(numbers(slow.last(sellers(5))), [0, 1, 2, 3, 4], 'forgotten after a while')
  const notes = slowNotes(slower)
  assert.equal(notes.length, 2)
  assert.match(notes[0]!, /^passed over the offer of \w+: it did not answer while others did$/)
  assert.deepEqual(slowNotes(sellers(100)), [
    'passed over 100 offers of devices that did not answer while others did'
  ])
})

test('with enough sellers those that rank behind them are waited for a tenth of a second', async () => {
  const phone = new Phone(async seller => (seller < 2 ? undefined : silent()))
  let isOver = false
  const found = dialSellers(sellers(4), phone.options(2, 4)).finally(() => (isOver = true))
  await phone.after(99)
  assert.equal(isOver, false)
  await phone.after(1)
  assert.equal(isOver, true)
  const { reached, slower } = await found
  assert.deepEqual([reached.map(({ device }) => device), slower], [[key(0), key(1)], []])
})

test('with enough sellers no further one is dialled', async () => {
  const phone = new Phone(() => Promise.resolve())
  assert.equal((await dialSellers(sellers(500), phone.options(1, 3))).reached.length, 3)
  assert.equal(phone.dialled.length, 3)
})

test('one ask of each identity is dialled', async () => {
  const [one] = sellers(1)
  const phone = new Phone(() => Promise.reject(away()))
  const asks = Array.from({ length: 50 }, (_, i) => ({ identity: one!.identity, device: key(i) }))
  const { failed } = await dialSellers(asks, phone.options(1, 1))
  assert.equal(failed.length, 1)
})

test('a seller that the network does not know at first gets a second dial', async () => {
  const phone = new Phone(async (seller, knownOnly) => {
    if (knownOnly || seller !== 1) throw away()
  })
  const { reached, failed } = await dialSellers(sellers(2), phone.options(1, 3))
  assert.deepEqual(
    reached.map(({ device }) => device),
    [key(1)]
  )
  assert.equal(failed.length, 1)
})

test('a fault of our own ends the dialling', async () => {
  const phone = new Phone(() => Promise.reject(new BushelError('NO_BALANCE', 'ours')))
  await assert.rejects(dialSellers(sellers(10), phone.options(1, 3)), { code: 'NO_BALANCE' })
})

test('a caller that is stopped waits for nobody', async () => {
  const stop = new AbortController()
  const phone = new Phone(silent)
  const found = dialSellers(sellers(10), phone.options(1, 3, { signal: stop.signal }))
  await phone.after(0)
  stop.abort(new Error('stopped'))
  await assert.rejects(found, /stopped/)
})

/** Asks sellers of these ranks, of whom `answer` says what they do, and counts the answers that are still waited for. */
function asking(clock: ManualClock, ranks: number[], answer: (rank: number) => Promise<number | null>) {
  const waiting = new Set<number>()
  const ask = async (rank: number, signal: AbortSignal): Promise<number | null> => {
    waiting.add(rank)
    signal.addEventListener('abort', () => waiting.delete(rank))
    return answer(rank)
  }
  const options = { signal: new AbortController().signal, clock }
  return {
    waiting,
    found: (enough: number) => firstAnswers(ranks, ask, { ...options, graceMs: 1000, enough })
  }
}

test('with enough quotes no dearer seller is waited for', async () => {
  const { waiting, found } = asking(new ManualClock(), [0, 1, 2, 3], rank =>
    rank < 2 ? Promise.resolve(rank) : silent().then(() => null)
  )
  assert.deepEqual(await found(2), [0, 1], 'the clock stands still')
  assert.equal(waiting.size, 0, 'the others are given up')
})

test('a quote beyond enough does not come from behind a seller that was not waited for', async () => {
  const answering = (...ranks: number[]): ReturnType<typeof asking> =>
    asking(new ManualClock(), [0, 1, 2, 3], rank =>
      ranks.includes(rank) ? Promise.resolve(rank) : silent().then(() => null)
    )
  assert.deepEqual(await answering(0, 2, 3).found(1), [0], 'the seller of rank 1 may have a quote')
  assert.deepEqual(await answering(0, 1, 3).found(1), [0, 1])
  assert.deepEqual(await answering(0, 1, 3).found(2), [0, 1])
})

test('with enough quotes a cheaper seller that is silent is waited for a second, and no longer', async () => {
  const clock = new ManualClock()
  const { waiting, found } = asking(clock, [0, 1, 2], rank =>
    rank === 1 ? Promise.resolve(rank) : silent().then(() => null)
  )
  let answered = false
  const quotes = found(1).finally(() => (answered = true))
  for (let i = 0; i < 5; i++) await turn()
  await clock.advance(999)
  for (let i = 0; i < 5; i++) await turn()
  assert.equal(answered, false)
  await clock.advance(1)
  assert.deepEqual(await quotes, [1])
  assert.equal(waiting.size, 0)
})

test('without enough quotes every seller is waited for, the cheapest is first, and none is no answer', async () => {
  const clock = new ManualClock()
  let late = (_: number): void => undefined
  const answers = [new Promise<number>(resolve => (late = resolve)), null, 2]
  const { found } = asking(clock, [0, 1, 2], async rank => answers[rank]!)
  const quotes = found(2)
  for (let i = 0; i < 5; i++) await turn()
  await clock.advance(60_000)
  late(0)
  assert.deepEqual(await quotes, [0, 2])
})

test('a fault of our own ends the asking', async () => {
  const ours = new BushelError('NO_BALANCE', 'ours')
  const { found } = asking(new ManualClock(), [0, 1], rank =>
    rank ? Promise.reject(ours) : silent().then(() => 0)
  )
  await assert.rejects(found(1), { code: 'NO_BALANCE' })
})
