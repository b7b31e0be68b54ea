import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { FINAL_INSTALLMENT, partOf } from '../../../../contracts/job.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { openBuyerJobs, workRequest } from './buyer-jobs.js'
import { PRICE, NodeGroup, balance, never, sellCompute } from './node-group.js'
import { sandboxes } from './sandboxes.js'

const NAMES = { base: 'the base', segment: 'a segment', rest: 'the last payment' }

test('a job passes to another provider when one cannot be paid', { timeout: 120_000 }, async t => {
  const group = await NodeGroup.open(t)
  const worker = {
    openSandbox: sandboxes({ warm: 1 }),
    settings: { allowProcess: true, cores: 1 }
  }
  let ahead = 0
  const now = (): number => Date.now() + ahead
  const cut = await group.node('cut-off', { worker })
  const other = await group.node('other', { worker })
  const buyer = await group.node('buyer', { serve: false, now, jobTimeouts: { retry: 10 } })
  const price = PRICE / 10n
  const offers = [await sellCompute(cut, { price }), await sellCompute(other, { price: price + 1n })]
  const [sells, buys] = [await cut.trade(), await buyer.trade()]
  const { wallet, payments } = buys
  const { hires } = buys.compute
  const notes: string[] = []
  const told: number[] = []
  const listener = {
    note: (message: string) => void notes.push(message),
    state: () => undefined,
    paid: ({ installment }: { installment: number }) => void told.push(installment)
  }
  const { jobs } = await openBuyerJobs(t, buyer, { offers, folder: join(group.dir, 'jobs'), listener, now })

  /** The installment whose payments to the disconnected provider do not succeed, and how. */
  let failing: { installment: number; how: 'fails' | 'expires' } = { installment: -1, how: 'fails' }
  const isCut = (agreement: Buffer, installment: number): boolean =>
    installment === failing.installment && hires.resume(agreement)!.device.equals(cut.home.device.publicKey)
  const { pay } = payments
  let tries = 0
  payments.pay = async (agreement, installment, timeoutMs) => {
    if (!isCut(agreement, installment)) return pay.call(payments, agreement, installment, timeoutMs)
    tries++
    const payByWallet = wallet.pay
    if (failing.how === 'fails') wallet.pay = () => Promise.resolve({ status: 'failed', reason: 'no route' })
    else ahead = 3 * DAY
    try {
      return await pay.call(payments, agreement, installment, timeoutMs)
    } finally {
      wallet.pay = payByWallet
      ahead = 0
    }
  }

  const cases = { fails: [0, 1, FINAL_INSTALLMENT], expires: [1] }
  for (const how of ['fails', 'expires'] as const) {
    for (const installment of cases[how]) {
      const part = partOf(installment)
      await t.test(`a job passes on when the payment of its ${part} ${how}`, async () => {
        failing = { installment, how }
        tries = 0
        told.length = notes.length = 0
        const outcome = await jobs.run(
          workRequest(offers[0]!.market, '50000', {
            input: { stdin: Buffer.from(`${how} ${installment}`), files: [] }
          }),
          listener,
          never
        )
        assert.equal(outcome.status, 'ok')
        const [first, second] = outcome.providers
        assert.deepEqual(
          [first!.device, first!.verdict, second!.verdict],
          [formatKey(cut.home.device.publicKey), 'failed', 'equal']
        )
        assert.equal(tries, how === 'fails' ? 5 : 1)
        const why = how === 'fails' ? /failed: no route/ : /has expired/
        assert.ok(first!.note.startsWith(`${NAMES[part]} could not be paid: `), first!.note)
        assert.match(first!.note, why)
        assert.ok(notes.some(note => note.includes('could not be paid') && note.includes('were paid to it')))
        const { id, job } = [...sells.compute.jobs.list('provider')].sort(
          (a, b) => b.job.created - a.job.created
        )[0]!
        assert.equal(job.state, 'ENDED')
        assert.deepEqual([sells.compute.worker!.jobs, sells.compute.worker!.slots.active], [[], 0])
        const { paidMsat, inFlightMsat } = buys.ledger.totals(id)
        assert.deepEqual([first!.paidMsat, inFlightMsat], [paidMsat, 0n])
        assert.equal(sells.ledger.totals(id).receivedMsat, paidMsat)
        assert.equal(paidMsat === 0n, part === 'base')
        assert.equal(told.includes(1), true, 'it is a job of several segments')
      })
    }
  }

  await t.test('the sums match the wallets', async () => {
    for (const trade of [sells, buys, await other.trade()])
      assert.deepEqual((await balance(trade)).faults, [])
    assert.deepEqual(group.faults, [])
  })
})
