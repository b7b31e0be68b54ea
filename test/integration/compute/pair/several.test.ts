import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseEvidence, verifyEvidence } from '../../../../contracts/evidence/evidence.js'
import { judgeEvidence, resultHash } from '../../../../contracts/job.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { expectedResult } from '../../../../src/compute/job/expected.js'
import type { RunRequest } from '../../../../src/compute/buyer/jobs.js'
import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import type { Outcome, AttemptOptions, SandboxJob } from '../../../../src/compute/sandbox/sandbox.js'
import type { BushelNode } from '../../../../src/node/node.js'
import { program } from '../../../parts/compute/jobs.js'
import { WORK_LIMITS, openBuyerJobs, workRequest } from './buyer-jobs.js'
import { NodeGroup, balance, never, sellCompute } from './node-group.js'

const ROUNDS = '20000'

/** A sandbox that reports a false output. */
class LyingSandbox extends Sandbox {
  override async run(job: SandboxJob, options?: AttemptOptions): Promise<Outcome> {
    const outcome = await super.run(job, options)
    const stdout = Buffer.from('42\n')
    const hash = outcome.hash.slice(0, 64) + createHash('sha256').update(stdout).digest('hex')
    return { ...outcome, stdout, hash }
  }
}

test(
  'three providers run one verified job, and the lying one does not get the last payment',
  { timeout: 120_000 },
  async t => {
    const group = await NodeGroup.open(t)
    const selling = async (name: string, openSandbox: () => Sandbox): Promise<BushelNode> => {
      const settings = { allowProcess: true, cores: 1 }
      return group.node(name, { worker: { openSandbox, settings } })
    }
    const honest = (): Sandbox => new Sandbox({ nice: 0 })
    const providers = [
      await selling('liar', () => new LyingSandbox({ nice: 0 })),
      await selling('one', honest),
      await selling('two', honest)
    ]
    const buyer = await group.node('buyer', { serve: false })
    const offers = await Promise.all(providers.map(provider => sellCompute(provider)))
    const [{ market }] = offers as [(typeof offers)[0]]
    const { jobs, experiences } = await openBuyerJobs(t, buyer, {
      offers,
      folder: join(group.dir, 'buyer', 'compute'),
      listener: quiet
    })
    const request = (change: Partial<RunRequest> = {}): RunRequest =>
      workRequest(market, ROUNDS, { verify: 3, ...change })
    const sandbox = honest()
    t.after(() => sandbox.close())
    const local = await sandbox.run({
      ...{ module: program('work'), args: ['work', ROUNDS], stdin: Buffer.alloc(0), files: [] },
      ...{ seed: Buffer.alloc(32, 1), limits: WORK_LIMITS, fuel: 10n ** 15n }
    })
    const device = (node: BushelNode): string => formatKey(node.home.device.publicKey)
    const [liar, one, two] = providers as [BushelNode, BushelNode, BushelNode]

    await t.test(
      'the result of the two that agree is taken, both get their price, and the liar gets its base',
      async () => {
        const outcome = await jobs.run(request(), quiet, never)
        assert.equal(outcome.status, 'ok')
        assert.equal(outcome.hash, local.hash)
        assert.equal(outcome.fuel, local.fuel)
        assert.equal(String(outcome.stdout), String(local.stdout))
        const verdicts = new Map(outcome.providers.map(provider => [provider.device, provider]))
        assert.equal(verdicts.get(device(liar))!.verdict, 'other')
        assert.equal(verdicts.get(device(one))!.verdict, 'equal')
        assert.equal(verdicts.get(device(two))!.verdict, 'equal')
        assert.ok(verdicts.get(device(liar))!.paidMsat < verdicts.get(device(one))!.paidMsat)
        assert.equal(verdicts.get(device(one))!.paidMsat, verdicts.get(device(two))!.paidMsat)
        assert.equal(
          outcome.paidMsat,
          outcome.providers.reduce((sum, { paidMsat }) => sum + paidMsat, 0n)
        )
        assert.equal(experiences().of(liar.home.identity)!.bad, 1)
        assert.equal(experiences().of(one.home.identity)!.good, 1)

        const evidence = parseEvidence(await readFile(outcome.evidence[0]!, 'utf8'))
        const verdict = verifyEvidence(evidence)
        assert.deepEqual([verdict.ok, verdict.provider, verdict.misdeeds], [true, device(liar), []])
        assert.notEqual(verdict.stated!.hash, local.hash)
        const judged = judgeEvidence(evidence, () => null, expectedResult(local))
        assert.deepEqual(judged.misdeeds, ['its result is false: another run of the job has another result'])
        assert.equal(resultHash(expectedResult(local)), local.hash)
      }
    )

    await t.test('many inputs spread over the two remaining providers', async () => {
      const requests = ['1', '2', '3', '4'].map(round => request({ verify: 1, args: ['work', round] }))
      const used = new Set<string>()
      for await (const { outcome, error } of jobs.map(requests, { parallel: 4 }, quiet, never)) {
        assert.equal(error, null)
        assert.equal(outcome!.status, 'ok')
        outcome!.providers.forEach(({ device }) => used.add(device))
      }
      assert.deepEqual([...used].sort(), [device(one), device(two)].sort())
    })

    await t.test('the balances of all nodes add up', async () => {
      for (const node of [...providers, buyer]) {
        const check = await balance(await node.trade())
        assert.deepEqual(check.faults, [])
      }
      assert.deepEqual(group.faults, [])
    })
  }
)

const quiet = { note: () => undefined, state: () => undefined, paid: () => undefined }
