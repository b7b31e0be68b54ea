import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { FINAL_INSTALLMENT, jobCost, jobSegments, segmentsMsat } from '../../../../contracts/job.js'
import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import { job, program } from '../../../parts/compute/jobs.js'
import { BASE, PRICE, NodeGroup, balance, never, pack, request, sellCompute } from './node-group.js'
import { sandboxes } from './sandboxes.js'

const worker = { openSandbox: sandboxes({ warm: 1 }) }

test('a job is agreed, run, paid in segments to the msat, and opened', { timeout: 120_000 }, async t => {
  const group = await NodeGroup.open(t)
  const provider = await group.node('provider', { worker })
  const buyer = await group.node('buyer', { serve: false })
  const offer = await sellCompute(provider)
  const [sells, buys] = [await provider.trade(), await buyer.trade()]
  sells.compute.worker!.configure({ allowProcess: true, cores: 2 })
  const sandbox = new Sandbox({ nice: 0 })
  t.after(() => sandbox.close())
  const rounds = '300000'
  const local = await sandbox.run(job(program('work'), { args: [rounds] }))

  await t.test('a job pays for several segments and the rest', async () => {
    const cost = BASE + (local.fuel * PRICE + 999_999_999_999n) / 1_000_000_000_000n
    const listed = (cost - BASE) / 8n
    const hire = await buys.compute.hires.agree(
      {
        ...(await request(buys, offer, 'work', [rounds])),
        firstInstallmentMsat: listed,
        args: ['program', rounds]
      },
      never
    )
    assert.equal(buys.ledger.totals(hire.id).paidMsat, 0n, 'an agreement costs nothing')
    const states = new Set<string>()
    const installments: number[] = []
    hire.onpaid = ({ installment }) => void installments.push(installment)
    const { commitment } = await hire.untilCommitted(never, ({ state }) => void states.add(state))
    const paidBefore = buys.ledger.contiguous(hire.id)
    assert.ok(paidBefore >= 3, `${paidBefore} segments`)
    assert.deepEqual(
      installments,
      Array.from({ length: paidBefore }, (_, i) => i)
    )
    assert.equal(hire.paidMsat, segmentsMsat(hire.terms, paidBefore))
    const statement = await hire.reveal()
    assert.ok(commitment.agreement.equals(hire.id))
    const { result } = statement
    assert.equal(result.fuel, local.fuel)
    assert.equal(result.tree.toString('hex') + result.stdout.toString('hex'), local.hash)
    const output = await hire.collect(never)
    assert.deepEqual(installments.slice(paidBefore), [FINAL_INSTALLMENT])
    assert.equal(String(output.stdout), String(local.stdout))
    assert.deepEqual(
      output.files.map(({ path, bytes }) => [path, bytes]),
      local.files.map(({ path, bytes }) => [path, bytes])
    )
    assert.equal(jobCost(hire.terms, local.fuel), cost)
    assert.equal(hire.paidMsat, cost)
    assert.equal(sells.ledger.totals(hire.id).receivedMsat, cost)
    assert.equal(hire.state, 'DONE')
    assert.equal(sells.compute.jobs.get('provider', hire.id)!.state, 'DONE')
    assert.equal(
      String((await hire.collect(never)).stdout),
      String(local.stdout),
      'asked again, it is the same'
    )
    assert.equal(hire.paidMsat, cost)
    assert.ok(jobSegments(hire.terms).length > paidBefore)
  })

  await t.test('a module is fetched once, however many jobs need it', async () => {
    const { fetched } = sells.compute.blobs
    const files = [{ path: 'given', bytes: Buffer.from('given\n') }]
    const packed = await pack(buys, program('work'), { files })
    const ids = ['1', '2', '3'].map(async round => {
      const hire = await buys.compute.hires.agree(
        { ...(await request(buys, offer, 'work', [round], { packed })) },
        never
      )
      await hire.untilCommitted(never, () => undefined)
      await hire.collect(never)
      return hire
    })
    const hires = await Promise.all(ids)
    for (const hire of hires) assert.equal(hire.paidMsat, sells.ledger.totals(hire.id).receivedMsat)
    assert.equal(sells.compute.blobs.fetched - fetched, 1, 'only the new input')
  })

  await t.test('a job that costs no more than its base is opened without a last payment', async () => {
    const free = await request(buys, offer, 'work', ['1'], { maxMsat: BASE })
    const hire = await buys.compute.hires.agree(
      { ...free, packed: await pack(buys, Buffer.from('no module')) },
      never
    )
    await hire.untilCommitted(never, () => undefined)
    const statement = await hire.reveal()
    assert.equal(statement.finalMsat, 0n)
    assert.deepEqual([statement.result.status, statement.result.exitCode], ['rejected', -1])
    const output = await hire.collect(never)
    assert.equal(
      createHash('sha256').update(output.stdout!).digest('hex'),
      statement.result.stdout.toString('hex')
    )
    assert.equal(hire.paidMsat, BASE)
  })

  await t.test('both balances add up', async () => {
    for (const trade of [sells, buys]) {
      const check = await balance(trade)
      assert.deepEqual(check.faults, [])
      assert.equal(check.balanceMsat + check.owedMsat, 0n)
    }
    assert.deepEqual(group.faults, [])
  })
})

test(
  'an agreement whose base was never sent is void at the first start after its time',
  { timeout: 60_000 },
  async t => {
    const group = await NodeGroup.open(t)
    const provider = await group.node('provider', { worker })
    ;(await provider.trade()).compute.worker!.configure({ allowProcess: true })
    const buyer = await group.node('buyer', { serve: false })
    const offer = await sellCompute(provider)
    const { compute } = await buyer.trade()
    const { id, terms } = await compute.hires.agree(
      await request(await buyer.trade(), offer, 'work', ['1']),
      never
    )
    await group.close(buyer)
    for (const [after, state] of [
      [0, 'BOUND'],
      [1, 'VOID']
    ] as const) {
      const again = await group.node('buyer', { serve: false, now: () => terms.startBy + after })
      assert.equal((await again.trade()).compute.jobs.get('buyer', id)!.state, state)
      await group.close(again)
    }
  }
)
