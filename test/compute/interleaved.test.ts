import assert from 'node:assert/strict'
import { on } from 'node:events'
import { test } from 'node:test'
import type { Job, JobDue } from '#spec'
import { jobId } from '../../contracts/job.js'
import type { Hire } from '../../src/compute/hire.js'
import { Sandbox } from '../../src/compute/sandbox/sandbox.js'
import type { Worker } from '../../src/compute/worker.js'
import type { Trade } from '../../src/node/trade.js'
import { program } from './jobs.js'
import { Street, balance, never, pack, request, sellCompute } from './pair.js'

/** Resolves when the work on a job is told to stand so. */
async function untilTold(worker: Worker, id: Buffer, state: string): Promise<void> {
  for await (const [{ terms }, told] of on(worker, 'progress') as AsyncIterable<[Job, string]>)
    if (told === state && jobId(terms).equals(id)) return
}

/** Pays what is asked for, as it is asked for. */
async function pay({ teller }: Trade, { id, terms }: Hire, { countersign, invoice }: JobDue): Promise<void> {
  const { list } = countersign
  await teller.intend(list)
  await teller.bind(list, [invoice], terms.provider.lightning!)
  await teller.pay(id, list.slices[0]!.epoch)
}

test('what a buyer and a provider of compute do at once comes out right', { timeout: 120_000 }, async t => {
  const street = await Street.open(t)
  const openSandbox = (): Sandbox => new Sandbox({ nice: 0, warm: 1 })
  const provider = await street.node('provider', {
    worker: { openSandbox, settings: { allowProcess: true, cores: 1 } }
  })
  const buyer = await street.node('buyer', { serve: false })
  const offer = await sellCompute(provider)
  const [sells, buys] = [await provider.trade(), await buyer.trade()]
  const worker = sells.worker!
  const packed = await pack(buys, program('work'))
  const agree = async (rounds: string): Promise<Hire> =>
    buys.hires.agree(await request(buys, offer, 'work', [rounds], { packed, sliceStartMsat: 20n }), never)
  const channel = await buys.deals.open(provider.home.device.publicKey)
  const asked = async ({ id }: Hire) => channel.request('jobProgress', { agreement: id })

  await t.test(
    'a job that has to wait for a processor asks for no segment beyond the one that was paid',
    async () => {
      const hire = await agree('20000')
      const waiting = untilTold(worker, hire.id, 'WAITING')
      await pay(buys, hire, (await asked(hire)).due!)
      await waiting
      const { due } = await asked(hire)
      const other = await worker.places.enter(1, never)
      await pay(buys, hire, due!)
      await sells.teller.wasReceived(hire.id, 1, 10_000)
      const { state, due: early } = await asked(hire)
      assert.deepEqual([state, early?.countersign.list.slices[0]?.epoch], ['QUEUED', undefined])
      other.leave()
      await hire.untilCommitted(never, () => undefined)
      await hire.collect(never)
    }
  )

  await t.test('the sums are those of the wallets', async () => {
    for (const trade of [sells, buys]) assert.deepEqual((await balance(trade)).faults, [])
    assert.deepEqual(street.faults, [])
  })
})
