import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import { NodeProcess } from './node-process.js'
import { job, program } from '../../../parts/compute/jobs.js'
import { Children } from '../../../world/children.js'
import { BASE, PRICE } from './node-group.js'
import type { Offer } from './node-group.js'

interface Look {
  faults: string[]
  payments: { installment: number; step: string; msat: string }[]
  jobs: { state: string; runs: number }[]
}

const ROUNDS = '200000'

test('a job is paid exactly once, to the msat, when its provider and buyer are killed repeatedly', async t => {
  const children = await Children.open(t)
  const bootstrap = await children.testnet()
  const provider = new NodeProcess(children, 'provider', bootstrap)
  const buyer = new NodeProcess(children, 'buyer', bootstrap)
  const sandbox = new Sandbox({ nice: 0 })
  const local = await sandbox.run(job(program('work'), { args: [ROUNDS] }))
  await sandbox.close()
  const cost = BASE + (local.fuel * PRICE + 999_999_999_999n) / 1_000_000_000_000n
  await Promise.all([provider.start(), buyer.start()])
  const offer = await provider.ask<Offer>('sell')

  buyer.tell('hire', { offer, rounds: ROUNDS, installment: String((cost - BASE) / 16n) })
  await buyer.next(said => said.event === 'agreed')

  const began = performance.now()
  const stamp = (what: string): void => t.diagnostic(`${what}: ${Math.round(performance.now() - began)} ms`)
  // Kills the provider with the base received, and in the middle of the run.
  for (const is of [
    (said: { event: string; installment?: unknown }) => said.event === 'received' && said.installment === 0,
    (said: { event: string; installment?: unknown }) => said.event === 'received' && said.installment === 2
  ]) {
    await provider.next(is)
    await provider.kill()
    await provider.start()
    stamp('provider again')
  }
  // Kills the buyer when a segment was sent with unknown outcome, and when it has just heard of a result.
  await buyer.next(said => said.event === 'step' && said['step'] === 'sent' && said['installment'] === 3)
  await buyer.kill()
  await buyer.start()
  stamp('buyer again')
  buyer.tell('resume')
  await buyer.next(said => said.event === 'committed')
  await buyer.kill()
  await provider.kill()
  await Promise.all([provider.start(), buyer.start()])
  stamp('both again')
  buyer.tell('resume')
  await buyer.next(
    said => said.event === 'step' && said['step'] === 'paid' && Number(said['installment']) > 1000
  )
  await buyer.kill()
  await buyer.start()
  stamp('buyer again')
  buyer.tell('resume')
  const finished = await buyer.next(said => said.event === 'finished')
  stamp('finished')
  assert.equal(finished['stdout'], String(local.stdout))
  assert.equal(finished['paidMsat'], String(cost))
  assert.equal(finished['state'], 'DONE')
  for (const hand of [buyer, provider]) {
    const { faults, payments, jobs } = await hand.ask<Look>('look')
    assert.deepEqual(faults, [])
    const settled = payments.filter(({ step }) => step !== 'listed' && step !== 'refused' && step !== 'bound')
    assert.equal(new Set(settled.map(({ installment }) => installment)).size, settled.length)
    assert.equal(
      settled.reduce((sum, { msat }) => sum + BigInt(msat), 0n),
      cost
    )
    assert.equal(jobs.length, 1)
    if (hand === provider) assert.equal(jobs[0]!.runs, 2, 'it ran again after the kill in the middle of it')
  }
})
