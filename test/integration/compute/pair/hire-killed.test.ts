import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import createTestnet from 'hyperdht/testnet.js'
import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import { NodeProcess } from './node-process.js'
import { job, program } from '../../../parts/compute/jobs.js'
import { BASE, PRICE } from './node-group.js'

const ROUNDS = '200000'

test('a job is paid exactly once, to the msat, when its provider and buyer are killed repeatedly', async t => {
  const testnet = await createTestnet(2, { host: '127.0.0.1' })
  const dir = await mkdtemp(join(tmpdir(), 'bushel-killed-'))
  const { bootstrap } = testnet
  const provider = new NodeProcess({ home: join(dir, 'provider'), bootstrap, role: 'provider' })
  const buyer = new NodeProcess({ home: join(dir, 'buyer'), bootstrap, role: 'buyer' })
  t.after(async () => {
    await Promise.all([provider.kill(), buyer.kill()])
    await testnet.destroy()
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  })
  const sandbox = new Sandbox({ nice: 0 })
  const local = await sandbox.run(job(program('work'), { args: [ROUNDS] }))
  await sandbox.close()
  const cost = BASE + (local.fuel * PRICE + 999_999_999_999n) / 1_000_000_000_000n
  await Promise.all([provider.start(), buyer.start()])
  const { offer } = await provider.ask('sell')

  buyer.tell('hire', { offer, rounds: ROUNDS, installment: String((cost - BASE) / 16n) })
  await buyer.nextMessage(said => said.event === 'agreed')

  const began = performance.now()
  const stamp = (what: string): void => t.diagnostic(`${what}: ${Math.round(performance.now() - began)} ms`)
  // Kills the provider with the base received, and in the middle of the run.
  for (const is of [
    (said: { event: string; installment?: unknown }) => said.event === 'received' && said.installment === 0,
    (said: { event: string; installment?: unknown }) => said.event === 'received' && said.installment === 2
  ]) {
    await provider.nextMessage(is)
    await provider.kill()
    await provider.start()
    stamp('provider again')
  }
  // Kills the buyer when a segment was sent with unknown outcome, and when it has just heard of a result.
  await buyer.nextMessage(
    said => said.event === 'step' && said['step'] === 'sent' && said['installment'] === 3
  )
  await buyer.kill()
  await buyer.start()
  stamp('buyer again')
  buyer.tell('resume')
  await buyer.nextMessage(said => said.event === 'committed')
  await buyer.kill()
  await provider.kill()
  await Promise.all([provider.start(), buyer.start()])
  stamp('both again')
  buyer.tell('resume')
  await buyer.nextMessage(
    said => said.event === 'step' && said['step'] === 'paid' && Number(said['installment']) > 1000
  )
  await buyer.kill()
  await buyer.start()
  stamp('buyer again')
  buyer.tell('resume')
  const finished = await buyer.nextMessage(said => said.event === 'finished')
  stamp('finished')
  assert.equal(finished['stdout'], String(local.stdout))
  assert.equal(finished['paidMsat'], String(cost))
  assert.equal(finished['state'], 'DONE')
  for (const hand of [buyer, provider]) {
    const { faults, payments, jobs } = (await hand.ask('look')) as unknown as {
      faults: string[]
      payments: { installment: number; step: string; msat: string }[]
      jobs: { state: string; runs: number }[]
    }
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
