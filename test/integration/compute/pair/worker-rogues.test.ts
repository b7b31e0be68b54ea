import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import type { ComputeQuote, ComputeRequest, Job, JobTerms } from '#spec'
import {
  BLOB_BLOCK_BYTES,
  FINAL_INSTALLMENT,
  MAX_MODULE_BYTES,
  fuelFor,
  jobId
} from '../../../../contracts/job.js'
import { HOUR, MIB } from '../../../../contracts/money/quantity.js'
import { sign } from '../../../../contracts/keys/signature.js'
import { encode } from '../../../../contracts/schema/codec.js'
import type { HireRequest } from '../../../../src/compute/buyer/hires.js'
import { compute } from '../../../../src/compute/resource.js'
import { commonTerms, negotiate } from '../../../../src/deal/negotiation/buyer.js'
import type { Quoted } from '../../../../src/deal/negotiation/buyer.js'
import type { Deals } from '../../../../src/deal/deals.js'
import type { DeclineWord, Declined } from '../../../../src/deal/decline.js'
import { Blobs } from '../../../../src/compute/blobs/blobs.js'
import { FUEL_VERSION } from '../../../../src/compute/fuel/meter.js'
import type { BushelNode } from '../../../../src/node/node.js'
import { attachCore, openStore } from '../../../../src/network/cores.js'
import { program } from '../../../parts/compute/jobs.js'
import { BASE, NodeGroup, balance, never, pack, request, sellCompute } from './node-group.js'
import { coded, declinedWith } from './rejections.js'
import { sandboxes } from './sandboxes.js'
import { JOB } from '../../../../src/compute/job/job-state.js'
import type { JobStateName } from '../../../../src/compute/job/job-state.js'

const HEAVY = '3000000'

/** Resolves when the provider's record of a job has this state. */
async function untilState(
  { compute: { worker, jobs } }: Selling,
  id: Buffer,
  state: JobStateName
): Promise<Job> {
  for (;;) {
    const job = jobs.get('provider', id)
    if (job?.state === JOB[state]) return job
    await once(worker!, 'change')
  }
}

type Selling = Awaited<ReturnType<BushelNode['trade']>>

test('a provider of compute loses nothing to buyers that cheat', { timeout: 120_000 }, async t => {
  const group = await NodeGroup.open(t)
  const openSandbox = sandboxes({ warm: 2 })
  const provider = await group.node('provider', {
    jobTimeouts: { fetch: 3000 },
    worker: { openSandbox, unpaidMs: 3000, receiveMs: 300, fetchMs: 3000, settings: { allowProcess: true } }
  })
  const rogue = await group.node('rogue', { serve: false })
  const honest = await group.node('honest', { serve: false })
  const offer = await sellCompute(provider)
  const [sells, cheats, buys] = await Promise.all([provider, rogue, honest].map(node => node.trade()))
  const packed = await pack(cheats!, program('work'))

  /** Signed terms of the rogue buyer's own making, from an honest quote for `asking`. */
  const agree = async (
    twist: (terms: JobTerms) => Partial<JobTerms> = () => ({}),
    { signer = rogue.home.device, asking = {} }: { signer?: KeyPair; asking?: Partial<ComputeRequest> } = {}
  ) => {
    const { deals } = cheats!
    const channel = await deals.open(provider.home.device.publicKey)
    const honest = await request(cheats!, offer, 'work', ['10'], { packed })
    const { maxMsat } = honest
    const wanted = {
      ...{ memory: 1 << 30, wallMs: HOUR, cpuMs: HOUR, isolation: 'process' },
      ...{ fuel: FUEL_VERSION, firstInstallmentMsat: 20_000n }
    }
    const quoted = await negotiate(deals, compute, channel, {
      market: offer.market,
      ask: offer.ask,
      request: { ...wanted, maxMsat, ...asking },
      offer: null,
      maxPrice: null,
      faultOf: () => null,
      timeoutMs: 10_000
    })
    const terms = termsFrom(deals, quoted, honest)
    const twisted = { ...terms, ...twist(terms) }
    const signature = sign('job-terms', twisted, signer)
    const id = jobId(twisted)
    const body = {
      resource: compute.id,
      terms: encode('job-terms', twisted),
      signature,
      quote: quoted.signed
    }
    await channel.request('agree', body, { id })
    return { id, channel }
  }
  /** A job of the rogue buyer whose base is paid honestly. */
  const begun = async (rounds: string, listed = 20_000n) => {
    const asked = await request(cheats!, offer, 'work', [rounds], { packed, firstInstallmentMsat: listed })
    return cheats!.compute.hires.agree(asked, never)
  }
  const serves = async (): Promise<void> => {
    const hire = await buys!.compute.hires.agree(await request(buys!, offer, 'work', ['10']), never)
    await hire.untilCommitted(never, () => undefined)
    assert.match(String((await hire.collect(never)).stdout), /^\S+ [0-9a-f]{16}\n$/)
  }

  const refused: [string, DeclineWord, Parameters<typeof agree>][] = [
    ['an oversized module', 'TERMS', [() => ({ module: sized(MAX_MODULE_BYTES + 1) })]],
    [
      'a module whose block count does not fit its size',
      'TERMS',
      [({ module }) => ({ module: { ...module, length: 9 } })]
    ],
    ['a lower price than quoted', 'TERMS', [({ price }) => ({ price: price - 1n })]],
    ['a lower base than quoted', 'TERMS', [() => ({ baseMsat: 1n })]],
    ['another ask than quoted', 'TERMS', [() => ({ ask: Buffer.alloc(32, 9) })]],
    ['more memory than there is', 'NO_CAPACITY', [() => ({}), { asking: { memory: 3 * 2 ** 30 } }]],
    [
      'more memory than quoted',
      'TERMS',
      [({ limits }) => ({ limits: { ...limits, memoryBytes: 3 * 2 ** 30 } })]
    ],
    [
      'memory and input that are too much together',
      'TERMS',
      [({ limits }) => ({ limits: { ...limits, memoryBytes: 512 * MIB }, input: sized(500 * MIB) })]
    ],
    ['more time on the clock than the seller gives', 'TIME', [() => ({}), { asking: { wallMs: HOUR + 1 } }]],
    ['more processor time than the seller gives', 'TIME', [() => ({}), { asking: { cpuMs: HOUR + 1 } }]],
    [
      'more time on the clock than quoted',
      'TERMS',
      [({ limits }) => ({ limits: { ...limits, wallMs: HOUR + 1 } })]
    ],
    [
      'more processor time than quoted, with compiling',
      'TERMS',
      [({ limits }) => ({ limits: { ...limits, cpuMs: HOUR - limits.compileMs + 1 } })]
    ],
    ['another version of fuel', 'FUEL', [() => ({}), { asking: { fuel: 'fuel/0' } }]],
    ['another version of fuel than quoted', 'TERMS', [() => ({ fuel: 'fuel/0' })]],
    ['more to spend than quoted', 'TERMS', [({ maxMsat }) => ({ maxMsat: maxMsat + 1n })]],
    ['a base above all that may be spent', 'TERMS', [() => ({ maxMsat: 1n })]],
    ['installments that would be a loan', 'TERMS', [() => ({ maxInstallmentMsat: 1_000_000n })]],
    [
      'terms that stay open for a day',
      'TERMS',
      [terms => ({ countersignBy: terms.countersignBy + 86_400_000, startBy: terms.startBy + 86_400_000 })]
    ],
    [
      'terms that have expired',
      'EXPIRED',
      [terms => ({ countersignBy: 1, startBy: terms.startBy - terms.countersignBy })]
    ],
    [
      "another buyer's identity",
      'PARTIES',
      [terms => ({ buyer: { ...terms.buyer, identity: Buffer.alloc(32, 3) } })]
    ],
    ['a signature by another key', 'SIGNATURE', [() => ({}), { signer: crypto.keyPair() }]]
  ]
  for (const [what, word, args] of refused) {
    await t.test(`${what} is declined`, async () => {
      await assert.rejects(agree(...args), declinedWith(word))
    })
  }

  await t.test('unpaid agreements hold a few places and no more', async () => {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => agree()))
    const words = results.map(one => (one.status === 'rejected' ? (one.reason as Declined).word : 'agreed'))
    assert.equal(words.filter(word => word === 'agreed').length, 8)
    assert.equal(words.filter(word => word === 'NO_CAPACITY').length, 2)
    await serves()
    for (const { job } of sells!.compute.worker!.jobs) {
      const channel = await cheats!.deals.open(provider.home.device.publicKey)
      await channel.request('jobCancel', { agreement: jobId(job.terms) })
    }
    assert.deepEqual(sells!.compute.worker!.jobs, [])
  })

  await t.test(
    'a buyer that never pays a segment gets one installment of work, and its place is freed',
    async () => {
      const hire = await begun(HEAVY)
      let most = 0n
      sells!.compute.worker!.on('progress', ({ terms }: Job, _state: string, fuel: bigint) => {
        if (jobId(terms).equals(hire.id) && fuel > most) most = fuel
      })
      const channel = await cheats!.deals.open(provider.home.device.publicKey)
      const { due } = await channel.request('jobProgress', { agreement: hire.id })
      await cheats!.payments.intend(due!.countersign.list)
      await cheats!.payments.bind(due!.countersign.list, [due!.invoice], hire.terms.provider.lightning!)
      await cheats!.payments.pay(hire.id, 0)
      const job = await untilState(sells!, hire.id, 'FAILED')
      assert.match(job.reason!, /segment 1 was not paid in time/)
      assert.equal(sells!.ledger.totals(hire.id).receivedMsat, BASE)
      assert.equal(most, fuelFor(hire.terms, 1), 'it had the fuel of one segment')
      assert.equal(sells!.compute.worker!.slots.active, 0)
      const said = await channel.request('jobProgress', { agreement: hire.id })
      assert.match(said.reason!, /not paid in time/)
      await hire.abandon('that was it')
      await serves()
    }
  )

  await t.test('a buyer that leaves with an unpaid result has only ciphertext', async () => {
    const hire = await begun('20000')
    await hire.untilCommitted(never, () => undefined)
    const { output } = await hire.reveal()
    const stream = async () => (await cheats!.deals.open(provider.home.device.publicKey)).stream
    await cheats!.compute.blobs.bring(output, { from: hire.identity, stream, signal: never })
    const ciphertext = await cheats!.compute.blobs.cache.read(hire.identity, output.sha256)
    assert.equal(ciphertext!.includes('field.bin'), false)
    const channel = await cheats!.deals.open(provider.home.device.publicKey)
    const lies = { agreement: hire.id, installment: FINAL_INSTALLMENT, preimage: Buffer.alloc(32) }
    await assert.rejects(channel.request('jobKey', lies), declinedWith('NOT_RECEIVED'))
    await hire.abandon('it has it all')
    await assert.rejects(channel.request('jobKey', lies), declinedWith('NO_RESULT'))
    assert.equal(await sells!.compute.blobs.holds(output), false, 'the output is gone from the disk')
    await serves()
  })

  await t.test("a buyer that asks for another's job or output gets nothing", async () => {
    const hire = await buys!.compute.hires.agree(await request(buys!, offer, 'work', ['20']), never)
    await hire.untilCommitted(never, () => undefined)
    const { output } = await hire.reveal()
    const channel = await cheats!.deals.open(provider.home.device.publicKey)
    for (const method of ['jobProgress', 'jobReveal', 'jobFinal', 'jobCancel'] as const)
      await assert.rejects(channel.request(method, { agreement: hire.id }), declinedWith('NO_AGREEMENT'))
    for (const ref of [output, hire.terms.module, hire.terms.input]) {
      const thief = new Blobs({ folder: group.dir + '/thief', store: rogue.store, stallMs: 400 })
      await thief.ready()
      const stream = async () => channel.stream
      await assert.rejects(thief.bring(ref, { from: hire.identity, stream, signal: never }), coded('STALLED'))
      await thief.close()
    }
    await hire.collect(never)
  })

  await t.test(
    "a buyer that names the hash of another's input must have that input to have it run",
    async () => {
      const secret = await pack(buys!, program('work'), { stdin: Buffer.from('a secret of somebody') })
      const hire = await buys!.compute.hires.agree(
        await request(buys!, offer, 'work', ['1'], { packed: secret }),
        never
      )
      await hire.untilCommitted(never, () => undefined)
      await hire.collect(never)
      const stolen = { module: packed.module, input: secret.input }
      const theirs = await cheats!.compute.hires.agree(
        await request(cheats!, offer, 'work', ['1'], { packed: stolen }),
        never
      )
      const ended = theirs.untilCommitted(never, () => undefined)
      ended.catch(() => undefined)
      await Promise.race([
        untilState(sells!, theirs.id, 'FAILED'),
        ended.then(() => assert.fail('it was run'))
      ])
      await theirs.abandon('it was not had')
    }
  )

  for (const [what, blocks, change] of [
    ['with blocks of another size', [Buffer.alloc(1000, 1), Buffer.alloc(BLOB_BLOCK_BYTES, 2)], {}],
    ['with another hash', [Buffer.alloc(BLOB_BLOCK_BYTES, 1), Buffer.alloc(1000, 2)], {}]
  ] as const) {
    await t.test(`a module ${what} is not accepted`, async () => {
      const store = openStore(group.dir + '/rogue-' + what.length)
      const core = store.get({ name: 'module' })
      await core.ready()
      await core.append([...blocks])
      const module = {
        key: core.key,
        length: 2,
        byteLength: BLOB_BLOCK_BYTES + 1000,
        sha256: Buffer.alloc(32, 7),
        ...change
      }
      const asked = await request(cheats!, offer, 'work', ['1'], {
        packed: { module: { ref: module }, input: packed.input }
      })
      const hire = await cheats!.compute.hires.agree(asked, never)
      attachCore(core, (await cheats!.deals.open(provider.home.device.publicKey)).stream)
      await assert.rejects(
        hire.untilCommitted(never, () => undefined),
        coded('JOB_FAILED')
      )
      assert.match(sells!.compute.jobs.get('provider', hire.id)!.reason!, /a blob is not the agreed one/)
      assert.equal(hire.paidMsat, BASE, 'to begin is paid for')
      await store.close()
      await serves()
    })
  }

  await t.test('the sums match the wallets', async () => {
    for (const trade of [sells!, cheats!, buys!]) assert.deepEqual((await balance(trade)).faults, [])
    assert.deepEqual(group.faults, [])
  })
})

function sized(byteLength: number): JobTerms['module'] {
  const length = Math.ceil(byteLength / BLOB_BLOCK_BYTES)
  return { key: Buffer.alloc(32, 5), length, byteLength, sha256: Buffer.alloc(32, 6) }
}

function termsFrom(
  deals: Deals,
  quoted: Quoted<ComputeQuote>,
  { packed, args, seed, limits, maxMsat }: HireRequest
): JobTerms {
  const common = commonTerms(deals, quoted)
  return {
    version: 1,
    ...common,
    fuel: FUEL_VERSION,
    isolation: 'process',
    module: packed.module.ref,
    input: packed.input.ref,
    args,
    seed,
    limits,
    ...quoted.offer,
    maxMsat,
    startBy: common.countersignBy + 60_000
  }
}
