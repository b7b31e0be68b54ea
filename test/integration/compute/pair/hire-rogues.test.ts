import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import type { JobStatement } from '#spec'
import { parseEvidence, verifyEvidence } from '../../../../contracts/evidence/evidence.js'
import { jobCost, mostFuel } from '../../../../contracts/job.js'
import { decode, encode } from '../../../../contracts/schema/codec.js'
import { sign } from '../../../../contracts/keys/signature.js'
import type { Hire } from '../../../../src/compute/buyer/hire.js'
import type { BushelError } from '../../../../contracts/errors/error.js'
import type { Method } from '../../../../src/deal/methods.js'
import { answerWithLies, flipped, neverAnswer } from '../../../parts/peers/lies.js'
import type { Lies } from '../../../parts/peers/lies.js'
import { BASE, NodeGroup, balance, never, pack, request, sellCompute } from './node-group.js'
import { sandboxes } from './sandboxes.js'
import { MIB, program } from '../../../parts/compute/jobs.js'
import { MOST_PER_TURN, workPerTurn } from '../../../parts/compute/turns.js'

interface Case {
  does: string
  lies: Lies
  code: string
  says: RegExp
  /** What the buyer has paid when it notices. */
  costs: 'nothing' | 'base' | 'segments' | 'all'
  /** What the provider's own signatures prove. */
  proves?: RegExp
}

/** A true answer under a signature that is not valid. */
async function badlySigned<T extends { signature: Buffer }>(
  truth: () => Promise<{ body: T }>
): Promise<{ body: T }> {
  const { body } = await truth()
  return { body: { ...body, signature: flipped(body.signature) } }
}

test('a buyer leaves every provider that cheats on a job', { timeout: 120_000 }, async t => {
  const group = await NodeGroup.open(t)
  const openSandbox = sandboxes({ warm: 2 })
  const provider = await group.node('provider', { worker: { openSandbox } })
  const jobTimeouts = { progress: 3000, answer: 3000, stall: 8000, silence: 6000 }
  const buyer = await group.node('buyer', { serve: false, jobTimeouts })
  const offer = await sellCompute(provider)
  const [sells, buys] = [await provider.trade(), await buyer.trade()]
  sells.compute.worker!.configure({ allowProcess: true, cores: 2 })
  const { device } = provider.home
  const packed = await pack(buys, program('work'))

  const restated = (statement: JobStatement) => ({
    body: { statement, signature: sign('job-statement', statement, device) }
  })
  const stating = (change: (statement: JobStatement) => Partial<JobStatement>): Lies => ({
    jobReveal: async truth => {
      const { statement } = (await truth()).body
      return restated({ ...statement, ...change(statement) })
    }
  })
  const unlessDue =
    (answer: () => ReturnType<NonNullable<Lies['jobProgress']>>): Lies['jobProgress'] =>
    async truth => {
      const honest = await truth()
      return honest.body.due ? honest : answer()
    }
  const due = (
    twist: (listed: ListedInstallment) => Partial<ListedInstallment>,
    signer = device
  ): Lies['jobProgress'] => {
    return async truth => {
      const answer = await truth()
      const asked = answer.body.due
      if (!asked) return answer
      const installments = asked.countersign.list.installments.map(listed => ({
        ...listed,
        ...twist(listed)
      }))
      const list = { ...asked.countersign.list, installments }
      const countersign = { list, signature: sign('installment-list', list, signer) }
      return { body: { ...answer.body, due: { ...asked, countersign } } }
    }
  }
  const lastDue =
    (twist: (listed: ListedInstallment) => Partial<ListedInstallment>): NonNullable<Lies['jobFinal']> =>
    async truth => {
      const { body } = await truth()
      const installments = body.countersign.list.installments.map(listed => ({ ...listed, ...twist(listed) }))
      const list = { ...body.countersign.list, installments }
      return { body: { ...body, countersign: { list, signature: sign('installment-list', list, device) } } }
    }

  const garbage =
    (bytes: number): Lies['jobReveal'] =>
    async (truth, { agreement }, from) => {
      const { statement } = (await truth()).body
      const { ref } = await sells.compute.blobs.put([crypto.randomBytes(bytes)])
      sells.compute.blobs.grant(ref, from.device, agreement)
      return restated({ ...statement, output: ref })
    }

  let claimed = 0
  const CASES: Case[] = [
    {
      does: 'signs other terms',
      lies: {
        agree: async truth => {
          const answer = await truth()
          const { agreement, body } = answer.body
          const { signature } = decode('job-countersign', body)
          const forged = encode('job-countersign', { agreement, signature: flipped(signature) })
          return { ...answer, body: { agreement, body: forged } }
        }
      },
      code: 'BAD_PEER',
      says: /signature under the terms is not valid/,
      costs: 'nothing'
    },
    {
      does: 'asks for a higher base than agreed',
      lies: { jobProgress: due(({ msat }) => ({ msat: msat + 1n })) },
      code: 'BAD_PEER',
      says: /asks for 1001 msat as the base, agreed were 1000 msat/,
      costs: 'nothing'
    },
    {
      does: 'asks for a segment out of order',
      lies: {
        jobProgress: due(({ installment }) => ({ installment: installment === 0 ? 0 : installment + 1 }))
      },
      code: 'BAD_PEER',
      says: /for segment 2, not 1/,
      costs: 'base'
    },
    {
      does: 'has another key sign what is due',
      lies: { jobProgress: due(() => ({}), crypto.keyPair()) },
      code: 'BAD_PEER',
      says: /the signature of its list is not valid/,
      costs: 'nothing'
    },
    {
      does: 'sends an invoice for another hash',
      lies: { jobProgress: due(({ hash }) => ({ hash: flipped(hash) })) },
      code: 'INVOICE_REFUSED',
      says: /hash/,
      costs: 'nothing'
    },
    {
      does: 'gives its commitment a wrong signature',
      lies: {
        jobProgress: async truth => {
          const answer = await truth()
          const { commitment } = answer.body
          if (!commitment) return answer
          const forged = { ...commitment, signature: flipped(commitment.signature) }
          return { body: { ...answer.body, commitment: forged } }
        }
      },
      code: 'BAD_PEER',
      says: /commitment is not valid/,
      costs: 'segments'
    },
    {
      does: 'reports for ever that the job runs',
      lies: { jobProgress: unlessDue(() => ({ body: { state: 'RUNNING', fuel: 1n } })) },
      code: 'LATE',
      says: /makes no progress/,
      costs: 'segments'
    },
    {
      does: 'reports ever new states',
      lies: { jobProgress: unlessDue(() => ({ body: { state: `S${claimed++}`, fuel: 0n } })) },
      code: 'LATE',
      says: /makes no progress/,
      costs: 'segments'
    },
    {
      does: 'reports ever more fuel than was paid for',
      lies: {
        jobProgress: unlessDue(() => ({ body: { state: 'RUNNING', fuel: (1n << 60n) + BigInt(claimed++) } }))
      },
      code: 'LATE',
      says: /makes no progress/,
      costs: 'segments'
    },
    {
      does: 'takes a payment and falls silent',
      lies: { jobProgress: unlessDue(neverAnswer) },
      code: 'STALLED',
      says: /no longer answers/,
      costs: 'segments'
    },
    {
      does: "states another's result",
      lies: stating(({ result }) => ({ result: { ...result, stdout: flipped(result.stdout) } })),
      code: 'BAD_PEER',
      says: /stated result is not the one that it committed to/,
      costs: 'segments',
      proves: /stated another result/
    },
    {
      does: 'bills more fuel than the agreement allows',
      lies: stating(({ result }) => ({ result: { ...result, fuel: 1n << 60n } })),
      code: 'BAD_PEER',
      says: /bills more fuel than the agreement allows/,
      costs: 'segments'
    },
    {
      does: 'bills at its end more fuel than it may have used',
      lies: stating(({ result }) => {
        const fuel = mostFuel(honest.terms)
        return { result: { ...result, fuel }, finalMsat: jobCost(honest.terms, fuel) - (cost - segments) }
      }),
      code: 'BAD_PEER',
      says: /bills more fuel than the paid segments let it use/,
      costs: 'segments'
    },
    {
      does: 'bills a last payment that is not the price of its fuel',
      lies: stating(({ finalMsat }) => ({ finalMsat: finalMsat + 1n })),
      code: 'BAD_PEER',
      says: /its last payment is not the price of its fuel/,
      costs: 'segments'
    },
    {
      does: 'took more in segments than its stated fuel costs',
      lies: stating(({ result }) => ({ result: { ...result, fuel: 0n }, finalMsat: 0n })),
      code: 'BAD_PEER',
      says: /was paid for more fuel/,
      costs: 'segments'
    },
    {
      does: 'serves an output with another hash',
      lies: stating(({ output }) => ({ output: { ...output, sha256: flipped(output.sha256) } })),
      code: 'BAD_PEER',
      says: /its hash differs/,
      costs: 'segments'
    },
    {
      does: 'asks for another last payment than it stated',
      lies: { jobFinal: lastDue(({ msat }) => ({ msat: msat + 1n })) },
      code: 'BAD_PEER',
      says: /asks for \d+ msat as the last payment, agreed were \d+ msat/,
      costs: 'segments'
    },
    {
      does: 'asks for the last payment on another hash than it stated',
      lies: { jobFinal: lastDue(({ hash }) => ({ hash: flipped(hash) })) },
      code: 'BAD_PEER',
      says: /its payment hash is not the one in its statement/,
      costs: 'segments'
    },
    {
      does: 'sells garbage',
      lies: { jobReveal: garbage(300_000) },
      code: 'WRONG_OUTPUT',
      says: /the key does not decrypt it/,
      costs: 'all',
      proves: /decrypted output does not have the checksum/
    },
    {
      does: 'sells garbage that is too large for a proof',
      lies: { jobReveal: garbage(7 * MIB) },
      code: 'WRONG_OUTPUT',
      says: /the key does not decrypt it/,
      costs: 'all'
    },
    {
      does: 'sells a false key',
      lies: {
        jobKey: async truth => {
          const { body } = await truth()
          const key = { ...body.key, key: flipped(body.key.key) }
          return { body: { key, signature: sign('job-key', key, device) } }
        }
      },
      code: 'FALSE_KEY',
      says: /not the one that it committed to/,
      costs: 'all',
      proves: /key is not the one/
    },
    {
      does: 'does not sign its key',
      lies: {
        jobKey: badlySigned
      },
      code: 'BAD_PEER',
      says: /its key is not signed/,
      costs: 'all'
    }
  ]

  let lies: Lies = {}
  const methods: Method[] = ['quote', 'agree', 'jobProgress', 'jobReveal', 'jobFinal', 'jobKey']
  answerWithLies(
    sells.deals,
    Object.fromEntries(
      methods.map(method => [
        method,
        (truth: never, body: never, from: never, channel: never) =>
          (lies[method] as ((...all: never[]) => unknown) | undefined)?.(truth, body, from, channel) ??
          (truth as () => unknown)()
      ])
    ) as Lies
  )

  const hire = async (): Promise<Hire> =>
    buys.compute.hires.agree(
      { ...(await request(buys, offer, 'work', ['20000'], { packed, firstInstallmentMsat: 20_000n })) },
      never
    )
  const through = async (one: Hire) => {
    await one.untilCommitted(never, () => undefined)
    await one.reveal()
    return one.collect(never)
  }
  const honest = await hire()
  await through(honest)
  const cost = honest.paidMsat
  const segments = honest.job.statement!.statement.finalMsat
  assert.ok(segments > 0n && cost - segments > BASE, 'there is a segment, and a rest')

  const meter = workPerTurn()
  for (const { does, lies: told, code, says, costs, proves } of CASES) {
    await t.test(`a provider that ${does} is left`, async () => {
      lies = told
      const before = new Set([...buys.compute.jobs.list('buyer')].map(({ id }) => id.toString('hex')))
      const error = await hire()
        .then(through)
        .then(
          () => assert.fail('it went through'),
          (failure: BushelError) => failure
        )
      assert.equal(error.code, code, error.stack ?? String(error))
      assert.match(error.message, says)
      const { id } = [...buys.compute.jobs.list('buyer')].find(one => !before.has(one.id.toString('hex')))!
      const one = buys.compute.hires.resume(id)!
      const most = { nothing: 0n, base: BASE, segments: cost - segments, all: cost }[costs]
      assert.equal(one.paidMsat, most)
      if (proves) {
        const path = /kept in (.*)$/.exec(error.hint)![1]!
        const { ok, misdeeds } = verifyEvidence(parseEvidence(await readFile(path, 'utf8')))
        assert.deepEqual([ok, misdeeds.length], [true, 1])
        assert.match(misdeeds[0]!, proves)
      }
      await one.abandon(error.message)
      lies = {}
    })
  }
  const { most } = meter.stop()
  assert.ok(most <= MOST_PER_TURN, `${most} bytes in one turn of the loop`)

  await t.test('an honest provider is paid the cost, and the sums match both wallets', async () => {
    const one = await hire()
    await through(one)
    assert.equal(one.paidMsat, cost)
    assert.equal(one.paidMsat, jobCost(one.terms, one.job.statement!.statement.result.fuel))
    for (const trade of [sells, buys]) assert.deepEqual((await balance(trade)).faults, [])
    assert.deepEqual(group.faults, [])
  })
})

interface ListedInstallment {
  installment: number
  issue: number
  hash: Buffer
  msat: bigint
}
