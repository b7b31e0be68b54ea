import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '#spec'
import { FINAL_INSTALLMENT, jobId } from '../../../../contracts/job.js'
import { DAY, MINUTE } from '../../../../contracts/money/quantity.js'
import type { Hire } from '../../../../src/compute/buyer/hire.js'
import { program } from '../../../parts/compute/jobs.js'
import { NodeGroup, balance, never, pack, payDue, request, sellCompute, untilReported } from './node-group.js'
import { coded, declinedWith } from './rejections.js'
import { sandboxes } from './sandboxes.js'
import { JOB } from '../../../../src/compute/job/job-state.js'

function gate(): { open: () => void; opened: Promise<void> } {
  let open = (): void => undefined
  const opened = new Promise<void>(resolve => (open = resolve))
  return { open, opened }
}

test(
  'concurrent steps of a buyer and a provider of compute end consistently',
  { timeout: 120_000 },
  async t => {
    const group = await NodeGroup.open(t)
    let ahead = 0
    const openSandbox = sandboxes({ warm: 1 })
    const provider = await group.node('provider', {
      worker: {
        openSandbox,
        now: () => Date.now() + ahead,
        tickEvery: 2 ** 30,
        settings: { allowProcess: true, cores: 1 }
      }
    })
    const buyer = await group.node('buyer', { serve: false })
    const offer = await sellCompute(provider)
    const [sells, buys] = [await provider.trade(), await buyer.trade()]
    const worker = sells.compute.worker!
    const packed = await pack(buys, program('work'))
    const agree = async (rounds: string): Promise<Hire> =>
      buys.compute.hires.agree(
        await request(buys, offer, 'work', [rounds], { packed, firstInstallmentMsat: 20_000n }),
        never
      )
    const channel = await buys.deals.open(provider.home.device.publicKey)
    const serves = async (): Promise<void> => {
      const hire = await agree('1')
      await hire.untilCommitted(never, () => undefined)
      await hire.collect(never)
    }
    const asked = async ({ id }: Hire) => channel.request('jobProgress', { agreement: id })

    await t.test('a job that waits for a processor asks for no segment beyond the paid one', async () => {
      const hire = await agree('20000')
      const waiting = untilReported(worker, hire.id, 'WAITING')
      await payDue(buys, hire, (await asked(hire)).due!)
      await waiting
      const { due } = await asked(hire)
      const other = await worker.slots.enter(1, never)
      await payDue(buys, hire, due!)
      await sells.payments.wasReceived(hire.id, 1, 10_000)
      const { state, due: early } = await asked(hire)
      assert.deepEqual([state, early?.countersign.list.installments[0]?.installment], ['QUEUED', undefined])
      other.leave()
      await hire.untilCommitted(never, () => undefined)
      await hire.collect(never)
    })

    await t.test('a job cancelled while its base arrives stays cancelled', async () => {
      const { save } = sells.compute.jobs
      const hire = await agree('1')
      const { due } = await asked(hire)
      const [reached, hold] = [gate(), gate()]
      sells.compute.jobs.save = async job => {
        await save.call(sells.compute.jobs, job)
        if (job.state !== JOB.QUEUED) return
        reached.open()
        await hold.opened
      }
      await payDue(buys, hire, due!)
      await reached.opened
      sells.compute.jobs.save = save
      await channel.request('jobCancel', { agreement: hire.id })
      hold.open()
      await serves()
      assert.deepEqual(worker.jobs, [])
      assert.equal(sells.compute.jobs.get('provider', hire.id)!.state, 'ENDED')
      await hire.abandon('that was it')
    })

    /** A job whose result has been revealed. */
    const revealed = async (): Promise<Hire> => {
      const hire = await agree('400') // enough fuel for a last payment, not for a segment
      await hire.untilCommitted(never, () => undefined)
      await hire.reveal()
      return hire
    }
    await t.test('a job given up while its result is on the way is not revealed to the buyer', async () => {
      const hire = await agree('1')
      await hire.untilCommitted(never, () => undefined)
      const given = new Promise<void>((resolve, reject) => {
        const onchange = (job: Job): void => {
          if (job.state !== JOB.REVEALED) return
          worker.off('change', onchange)
          hire.abandon('its owner cancelled it').then(resolve, reject)
        }
        worker.on('change', onchange)
      })
      await assert.rejects(hire.reveal(), coded('JOB_OVER'))
      await given
      assert.equal(hire.state, JOB.ENDED)
    })

    /** The provider's expiry check, a day later. */
    const dayLater = async (): Promise<void> => {
      ahead = DAY + 1
      await worker.look().finally(() => (ahead = 0))
    }

    await t.test('a last payment that arrives while its job expires pays for the result', async () => {
      const { refuseRest } = sells.payments
      const hire = await revealed()
      const due = await channel.request('jobFinal', { agreement: hire.id })
      sells.payments.refuseRest = async id => {
        await payDue(buys, hire, due)
        await refuseRest.call(sells.payments, id)
      }
      await dayLater()
      sells.payments.refuseRest = refuseRest
      assert.equal(sells.compute.jobs.get('provider', hire.id)!.state, 'PAID')
      assert.match(String((await hire.collect(never)).stdout), /^\S+ [0-9a-f]{16}\n$/)
    })

    await t.test('a last payment requested while its job expires is not accepted', async () => {
      const { refuseRest } = sells.payments
      const hire = await revealed()
      const [reached, hold] = [gate(), gate()]
      sells.payments.refuseRest = async id => {
        await refuseRest.call(sells.payments, id)
        reached.open()
        await hold.opened
      }
      const looking = dayLater()
      await reached.opened
      sells.payments.refuseRest = refuseRest
      const final = assert.rejects(
        channel.request('jobFinal', { agreement: hire.id }),
        declinedWith('NOTHING_DUE')
      )
      assert.ok((await asked(hire)).commitment, 'what was asked before is being answered')
      hold.open()
      await looking
      await final
      assert.equal(sells.compute.jobs.get('provider', hire.id)!.state, 'ENDED')
      await hire.abandon('that was it')
    })

    await t.test('cancelling a fully paid job leaves it done', async () => {
      const hire = await revealed()
      await payDue(buys, hire, await channel.request('jobFinal', { agreement: hire.id }))
      await sells.payments.wasReceived(hire.id, FINAL_INSTALLMENT, 10_000)
      await hire.abandon('it changed its mind')
      assert.equal(sells.compute.jobs.get('provider', hire.id)!.state, 'DONE')
    })

    await t.test('an agreement that gave up its place can no longer be paid', async () => {
      const first = await agree('1')
      const { due } = await asked(first)
      const others = []
      for (let i = 1; i < 8; i++) others.push(await agree('1'))
      await assert.rejects(agree('1'), declinedWith('NO_CAPACITY'))
      ahead = 2 * MINUTE
      const last = await agree('1').finally(() => (ahead = 0))
      await assert.rejects(payDue(buys, first, due!), coded('PAYMENT_FAILED'))
      assert.match((await asked(first)).reason!, /its place was given to another job/)
      assert.deepEqual(
        worker.jobs.map(({ job }) => jobId(job.terms)),
        [...others, last].map(({ id }) => id)
      )
      for (const hire of [first, ...others, last]) await hire.abandon('that was it')
    })

    await t.test('the sums match both wallets', async () => {
      for (const trade of [sells, buys]) assert.deepEqual((await balance(trade)).faults, [])
      assert.deepEqual(group.faults, [])
    })
  }
)
