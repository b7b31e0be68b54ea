import assert from 'node:assert/strict'
import { on, once } from 'node:events'
import type { CpuInfo } from 'node:os'
import { describe, test } from 'node:test'
import { DAY, MINUTE } from '../../../../contracts/money/quantity.js'
import type { Hire } from '../../../../src/compute/buyer/hire.js'
import { WorkSchedule, busyProcessors } from '../../../../src/compute/provider/schedule.js'
import { JobSlots } from '../../../../src/compute/provider/slots.js'
import { guests, ownNamespaces } from '../sandbox/guest-processes.js'
import { isolations, program } from '../../../parts/compute/jobs.js'
import { NodeGroup, balance, never, pack, payDue, request, sellCompute, untilReported } from './node-group.js'
import { coded, declinedWith } from './rejections.js'
import { sandboxes } from './sandboxes.js'
import { Children } from '../../../world/children.js'

const at = (hour: number, minute = 0): number => new Date(2026, 0, 5, hour, minute).getTime()

describe('the work schedule', () => {
  test('jobs run only within the hours of the owner, also over midnight', async () => {
    for (const [from, to, open, closed] of [
      [22, 7, [22, 23, 0, 6], [7, 12, 21]],
      [9, 17, [9, 16], [8, 17, 0]]
    ] as const) {
      let now = 0
      const settings = { hours: { from: from * 60, to: to * 60 }, onlyIdle: false }
      const schedule = new WorkSchedule({ settings, now: () => now })
      for (const hour of [...open, ...closed]) {
        now = at(hour, 30 * Number(hour !== to && hour !== from))
        assert.equal(schedule.open, (open as readonly number[]).includes(hour), `${hour} of ${from} to ${to}`)
      }
      await schedule.stop()
    }
  })

  test('jobs run only while the machine is idle, and resume when it has been idle for a while', async () => {
    let busy = 0
    const schedule = new WorkSchedule({ settings: { hours: null, onlyIdle: true }, busy: () => busy })
    assert.equal(schedule.open, true)
    busy = 0.9
    schedule.look()
    assert.equal(schedule.open, false)
    const opened = schedule.whenOpen(never)
    busy = 0.1
    schedule.look()
    assert.equal(schedule.open, false, 'a moment of quiet is not enough')
    schedule.look()
    await opened
    schedule.set({ hours: null, onlyIdle: false })
    busy = 2
    schedule.look()
    assert.equal(schedule.open, true, 'a machine lent without condition works on')
    await schedule.stop()
  })
})

describe('the load of the machine', () => {
  /** Two processors that have spent these times, ms. */
  const processors = (user: number, nice: number, idle: number): CpuInfo[] =>
    [0, 1].map(() => ({ model: '', speed: 0, times: { user, nice, sys: 0, idle, irq: 0 } }))

  test('the load counts other processes and leaves out guests, which run at a lower priority', () => {
    let spent = processors(0, 0, 0)
    const busy = busyProcessors(() => spent)
    spent = processors(0, 1000, 0)
    assert.equal(busy(), 0)
    spent = processors(1000, 1000, 0)
    assert.equal(busy(), 2)
    spent = processors(1250, 1000, 750)
    assert.equal(busy(), 0.5)
    assert.equal(busy(), 0, 'no time has passed')
  })

  test('the load is read from the machine and shows a busy process', async t => {
    const schedule = new WorkSchedule({ settings: { hours: null, onlyIdle: true }, busy: busyProcessors() })
    const measured = busyProcessors()
    const begun = performance.now()
    // Works until it has used a second of processor time, however long that takes.
    const work = `const begun = process.cpuUsage()
      const used = () => { const { user, system } = process.cpuUsage(begun); return (user + system) / 1000 }
      while (used() < 1000);
      console.log(JSON.stringify({ used: used() }))`
    const child = (await Children.open(t)).code(work)
    const used = Number((await child.line(line => 'used' in line))['used'])
    const busy = measured()
    const passed = performance.now() - begun
    assert.ok(busy * passed > used / 2, `${busy} processors for ${passed} ms, ${used} ms of them known`)
    schedule.look()
    if (busy >= 0.5) assert.equal(schedule.fault, 'jobs run here only while the machine is idle')
    await schedule.stop()
  })
})

describe('job slots', () => {
  test('a fixed number of jobs run at once in order of arrival, and a resting job lends its processor', async () => {
    const slots = new JobSlots(1, 100)
    const first = await slots.enter(40, never)
    const entered: string[] = []
    const second = slots.enter(40, never).then(place => (entered.push('second'), place))
    const third = slots.enter(40, never).then(place => (entered.push('third'), place))
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
    assert.equal(slots.active, 0)
  })

  test('jobs share a fixed amount of memory, and a job that leaves the queue leaves no gap', async () => {
    const slots = new JobSlots(3, 100)
    const first = await slots.enter(80, never)
    const stop = new AbortController()
    const large = slots.enter(60, stop.signal)
    large.catch(() => undefined)
    const small = slots.enter(10, never)
    stop.abort(new Error('gone'))
    await assert.rejects(large, /gone/)
    slots.look()
    ;(await small).leave()
    first.leave()
    const alone = await slots.enter(500, never)
    alone.leave()
    assert.equal(slots.active, 0)
  })
})

test(
  'a worker lends only what its owner has set, at the times its owner has set',
  { timeout: 120_000 },
  async t => {
    const group = await NodeGroup.open(t)
    let busy = 0
    const openSandbox = sandboxes({ warm: 1, isolation: 'process' })
    let ahead = 0
    const now = () => Date.now() + ahead
    const tickEvery = 2 ** 30
    const provider = await group.node('provider', {
      worker: { openSandbox, busy: () => busy, now, tickEvery }
    })
    const buyer = await group.node('buyer', { serve: false, jobTimeouts: { fetch: 1000 } })
    const offer = await sellCompute(provider)
    const [sells, buys] = [await provider.trade(), await buyer.trade()]
    const worker = sells.compute.worker!
    const packed = await pack(buys, program('work'))
    const agree = async (rounds: string, isolation: 'bwrap' | 'process' = 'process'): Promise<Hire> =>
      buys.compute.hires.agree(
        { ...(await request(buys, offer, 'work', [rounds], { packed })), isolation },
        never
      )

    await t.test('without bubblewrap strangers are refused unless the owner allows it', async () => {
      await assert.rejects(agree('1'), declinedWith('NOT_ISOLATED'))
      worker.configure({ allowProcess: true })
      await assert.rejects(agree('1', 'bwrap'), declinedWith('NOT_ISOLATED'))
    })

    await t.test('no job is taken outside the hours of the owner', async () => {
      const hour = new Date().getHours()
      worker.configure({ hours: { from: ((hour + 2) % 24) * 60, to: ((hour + 3) % 24) * 60 } })
      await assert.rejects(agree('1'), declinedWith('NO_CAPACITY'))
      worker.configure({ hours: null })
    })

    await t.test('a job pauses while the owner needs the machine, and resumes afterwards', async () => {
      worker.configure({ onlyIdle: true })
      const hire = await agree('2000000')
      const committed = hire.untilCommitted(never, () => undefined)
      const progress = async (is: (state: string, fuel: bigint) => boolean): Promise<bigint> => {
        for await (const [, state, fuel] of on(worker, 'progress') as AsyncIterable<
          [unknown, string, bigint]
        >)
          if (is(state, fuel)) return fuel
        throw new Error('no progress')
      }
      await progress((state, fuel) => state === 'RUNNING' && fuel > 0n)
      busy = 2
      worker.schedule.look()
      const paused = await progress(state => state === 'PAUSED')
      assert.equal(worker.slots.active, 0, 'its processor is free')
      const { work, fuel } = worker.jobs[0]!
      assert.deepEqual([work, fuel], ['PAUSED', paused])
      busy = 0
      worker.schedule.look()
      worker.schedule.look()
      await progress((state, fuel) => state === 'RUNNING' && fuel >= paused)
      await committed
      await hire.collect(never)
      busy = 2
      worker.schedule.look()
      await assert.rejects(agree('1'), declinedWith('NO_CAPACITY'))
      busy = 0
      worker.configure({ onlyIdle: false })
    })

    await t.test('at most the set number of guests run at once', async () => {
      worker.configure({ cores: 2 })
      let most = 0
      const one = async (): Promise<void> => {
        const hire = await agree('100000')
        await hire.untilCommitted(never, () => (most = Math.max(most, worker.slots.active)))
        await hire.collect(never)
      }
      await Promise.all([one(), one(), one(), one()])
      assert.ok(most >= 1 && most <= 2, `${most} at once`)
    })

    await t.test('a job that its buyer cancels ends and costs the fuel used so far', async () => {
      const hire = await agree('50000000')
      const stop = new AbortController()
      const running = hire.untilCommitted(stop.signal, ({ fuel }) => {
        if (fuel > 0n) stop.abort(new Error('enough'))
      })
      await assert.rejects(running, /enough/)
      const left = once(worker, 'left')
      await hire.abandon('enough')
      await left
      assert.deepEqual([worker.slots.active, worker.jobs.length], [0, 0])
      assert.equal(sells.compute.jobs.get('provider', hire.id)!.state, 'ENDED')
      assert.equal(hire.state, 'ENDED')
      assert.equal(hire.paidMsat, sells.ledger.totals(hire.id).receivedMsat)
      await assert.rejects(hire.reveal(), coded('JOB_OVER'))
    })

    for (const step of ['committed', 'revealed'] as const) {
      await t.test(
        `a result that is ${step} and never paid for is kept for a day and no longer`,
        async () => {
          const hire = await agree('1')
          await hire.untilCommitted(never, () => undefined)
          const { statement } = sells.compute.jobs.get('provider', hire.id)!
          const { output } = step === 'committed' ? statement!.statement : await hire.reveal()
          const later = async (ms: number): Promise<void> => {
            ahead = ms
            await worker.look().finally(() => (ahead = 0))
          }
          await later(DAY - MINUTE)
          assert.equal(worker.jobs.length, 1)
          assert.equal(await sells.compute.blobs.holds(output), true)
          await later(DAY + MINUTE)
          const { state, reason } = sells.compute.jobs.get('provider', hire.id)!
          assert.deepEqual([worker.jobs.length, state, reason], [0, 'ENDED', 'its result was not paid'])
          assert.equal(await sells.compute.blobs.holds(output), false, 'its disk is free')
          await assert.rejects(hire.collect(never), /its result was not paid/)
          await hire.abandon('it came too late')
        }
      )
    }

    await t.test('the sums match the wallets', async () => {
      for (const trade of [sells, buys]) assert.deepEqual((await balance(trade)).faults, [])
      assert.deepEqual(group.faults, [])
    })
  }
)

const [, bubblewrap] = isolations

test('a bought job runs in bubblewrap', { timeout: 120_000, skip: bubblewrap!.skip }, async t => {
  const group = await NodeGroup.open(t)
  const openSandbox = sandboxes({ warm: 0 })
  const provider = await group.node('provider', { worker: { openSandbox } })
  const buyer = await group.node('buyer', { serve: false })
  const offer = await sellCompute(provider, { isolation: 'bwrap' })
  const [sells, buys] = [await provider.trade(), await buyer.trade()]
  const hire = await buys.compute.hires.agree(
    await request(buys, offer, 'work', ['20000'], { firstInstallmentMsat: 20_000n }),
    never
  )
  assert.equal(hire.terms.isolation, 'bwrap')
  const channel = await buys.deals.open(provider.home.device.publicKey)
  const { due } = await channel.request('jobProgress', { agreement: hire.id })
  const waiting = untilReported(sells.compute.worker!, hire.id, 'WAITING')
  await payDue(buys, hire, due!)
  await waiting
  const [guest, ...others] = await guests()
  assert.ok(guest && others.length === 0)
  assert.deepEqual(await ownNamespaces(guest.pid), ['net', 'pid', 'mnt', 'ipc', 'user'])
  await hire.untilCommitted(never, () => undefined)
  assert.match(String((await hire.collect(never)).stdout), /^\S+ [0-9a-f]{16}\n$/)
  for (const trade of [sells, buys]) assert.deepEqual((await balance(trade)).faults, [])
  assert.deepEqual(group.faults, [])
})
