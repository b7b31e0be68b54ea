import assert from 'node:assert/strict'
import { on, once } from 'node:events'
import { describe, test } from 'node:test'
import { BushelError } from '../../contracts/errors.js'
import type { Hire } from '../../src/compute/hire.js'
import { Pace } from '../../src/compute/pace.js'
import { Places } from '../../src/compute/places.js'
import { Sandbox } from '../../src/compute/sandbox/sandbox.js'
import { program } from './jobs.js'
import { Street, balance, never, pack, request, sellCompute } from './pair.js'

const coded = (code: string) => (error: unknown) => error instanceof BushelError && error.code === code
const at = (hour: number, minute = 0): number => new Date(2026, 0, 5, hour, minute).getTime()

describe('when jobs run on the machine', () => {
  test('within the hours of its owner, also over midnight', () => {
    for (const [from, to, open, closed] of [
      [22, 7, [22, 23, 0, 6], [7, 12, 21]],
      [9, 17, [9, 16], [8, 17, 0]]
    ] as const) {
      let now = 0
      const settings = { hours: { from: from * 60, to: to * 60 }, onlyIdle: false }
      const pace = new Pace({ settings, now: () => now })
      for (const hour of [...open, ...closed]) {
        now = at(hour, 30 * Number(hour !== to && hour !== from))
        assert.equal(pace.open, (open as readonly number[]).includes(hour), `${hour} of ${from} to ${to}`)
      }
      pace.stop()
    }
  })

  test('only while the machine is idle, and again when it has been for a while', async () => {
    let busy = 0
    const pace = new Pace({ settings: { hours: null, onlyIdle: true }, busy: () => busy })
    assert.equal(pace.open, true)
    busy = 0.9
    pace.look()
    assert.equal(pace.open, false)
    const opened = pace.whenOpen(never)
    busy = 0.1
    pace.look()
    assert.equal(pace.open, false, 'a moment of quiet is not enough')
    pace.look()
    await opened
    pace.set({ hours: null, onlyIdle: false })
    busy = 2
    pace.look()
    assert.equal(pace.open, true, 'a machine lent without condition works on')
    pace.stop()
  })
})

describe('room for jobs', () => {
  test('so many at once, in the order in which they came; one that rests lends its processor', async () => {
    const places = new Places(1, 100)
    const first = await places.enter(40, never)
    const entered: string[] = []
    const second = places.enter(40, never).then(place => (entered.push('second'), place))
    const third = places.enter(40, never).then(place => (entered.push('third'), place))
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(entered.length, 0)
    first.rest()
    const two = await second
    assert.deepEqual(entered, ['second'])
    const resumed = first.resume(never).then(() => entered.push('first'))
    two.leave()
    await resumed
    assert.deepEqual(entered, ['second', 'first'], 'it goes on before others begin')
    first.leave()
    ;(await third).leave()
    assert.equal(places.active, 0)
  })

  test('so much memory together, and one that leaves the queue leaves no hole', async () => {
    const places = new Places(3, 100)
    const first = await places.enter(80, never)
    const stop = new AbortController()
    const large = places.enter(60, stop.signal)
    large.catch(() => undefined)
    const small = places.enter(10, never)
    stop.abort(new Error('gone'))
    await assert.rejects(large, /gone/)
    places.look()
    ;(await small).leave()
    first.leave()
    const alone = await places.enter(500, never)
    alone.leave()
    assert.equal(places.active, 0)
  })
})

test('a worker lends what its owner said, when its owner said', { timeout: 120_000 }, async t => {
  const street = await Street.open(t)
  let busy = 0
  const openSandbox = (): Sandbox => new Sandbox({ nice: 0, warm: 1, isolation: 'process' })
  const provider = await street.node('provider', { worker: { openSandbox, busy: () => busy } })
  const buyer = await street.node('buyer', { serve: false })
  const offer = await sellCompute(provider)
  const [sells, buys] = [await provider.trade(), await buyer.trade()]
  const worker = sells.compute.worker!
  const packed = await pack(buys, program('work'))
  const agree = async (rounds: string, isolation: 'bwrap' | 'process' = 'process'): Promise<Hire> =>
    buys.compute.hires.agree(
      { ...(await request(buys, offer, 'work', [rounds], { packed })), isolation },
      never
    )

  await t.test('without bubblewrap strangers are refused, unless the owner said otherwise', async () => {
    await assert.rejects(agree('1'), coded('NOT_ISOLATED'))
    worker.configure({ allowProcess: true })
    await assert.rejects(agree('1', 'bwrap'), coded('NOT_ISOLATED'))
  })

  await t.test('at other hours none is taken', async () => {
    const hour = new Date().getHours()
    worker.configure({ hours: { from: ((hour + 2) % 24) * 60, to: ((hour + 3) % 24) * 60 } })
    await assert.rejects(agree('1'), coded('NO_CAPACITY'))
    worker.configure({ hours: null })
  })

  await t.test('a job stands still while the owner needs the machine, and goes on after', async () => {
    worker.configure({ onlyIdle: true })
    const hire = await agree('2000000')
    const committed = hire.untilCommitted(never, () => undefined)
    const progress = async (is: (state: string, fuel: bigint) => boolean): Promise<bigint> => {
      for await (const [, state, fuel] of on(worker, 'progress') as AsyncIterable<[unknown, string, bigint]>)
        if (is(state, fuel)) return fuel
      throw new Error('no progress')
    }
    await progress((state, fuel) => state === 'RUNNING' && fuel > 0n)
    busy = 2
    worker.pace.look()
    const paused = await progress(state => state === 'PAUSED')
    assert.equal(worker.places.active, 0, 'its processor is free')
    const { state, fuel } = worker.jobs[0]!
    assert.deepEqual([state, fuel], ['PAUSED', paused])
    busy = 0
    worker.pace.look()
    worker.pace.look()
    await progress((state, fuel) => state === 'RUNNING' && fuel >= paused)
    await committed
    await hire.collect(never)
    busy = 2
    worker.pace.look()
    await assert.rejects(agree('1'), coded('NO_CAPACITY'))
    busy = 0
    worker.configure({ onlyIdle: false })
  })

  await t.test('no more than so many guests run at once', async () => {
    worker.configure({ cores: 2 })
    let most = 0
    const one = async (): Promise<void> => {
      const hire = await agree('100000')
      await hire.untilCommitted(never, () => (most = Math.max(most, worker.places.active)))
      await hire.collect(never)
    }
    await Promise.all([one(), one(), one(), one()])
    assert.ok(most >= 1 && most <= 2, `${most} at once`)
  })

  await t.test('a job that its buyer cancels ends, and costs what it had used', async () => {
    const hire = await agree('50000000')
    const stop = new AbortController()
    const running = hire.untilCommitted(stop.signal, ({ fuel }) => {
      if (fuel > 0n) stop.abort(new Error('enough'))
    })
    await assert.rejects(running, /enough/)
    const left = once(worker, 'left')
    await hire.abandon('enough')
    await left
    assert.deepEqual([worker.places.active, worker.jobs.length], [0, 0])
    assert.equal(sells.compute.jobs.get('provider', hire.id)!.state, 'ENDED')
    assert.equal(hire.state, 'ENDED')
    assert.equal(hire.paidMsat, sells.ledger.totals(hire.id).receivedMsat)
    await assert.rejects(hire.reveal(), coded('JOB_OVER'))
  })

  await t.test('the sums are those of the wallets', async () => {
    for (const trade of [sells, buys]) assert.deepEqual((await balance(trade)).faults, [])
    assert.deepEqual(street.faults, [])
  })
})
