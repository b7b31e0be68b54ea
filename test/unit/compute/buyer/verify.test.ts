import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parseEvidence, verifyEvidence } from '../../../../contracts/evidence/evidence.js'
import { FINAL_INSTALLMENT, jobCost, mostFuel, resultHash, segmentsMsat } from '../../../../contracts/job.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { BushelError } from '../../../../contracts/errors/error.js'
import type { JobView, RunOutcome } from '../../../../src/compute/buyer/jobs.js'
import { Buyer, code } from '../../../parts/compute/buyer.js'
import { FUEL, GOOD, TRUTH } from '../../../parts/compute/fake-providers.js'
import type { Provider, Script } from '../../../parts/compute/fake-providers.js'

const LIE = { tree: Buffer.alloc(32, 66) }

const verdictOf = (outcome: RunOutcome | JobView, { device }: Provider): string | undefined =>
  outcome.providers.find(one => one.device === formatKey(device.publicKey))?.verdict

/** A buyer with providers a, b, c, ... that follow these scripts. */
async function buyerWith(t: { after(fn: () => Promise<void>): void }, ...scripts: Script[]): Promise<Buyer> {
  const buyer = await Buyer.open(t)
  scripts.forEach((script, i) => buyer.fakes.add('abcdef'[i]!, script))
  return buyer
}

test('one provider runs a job, is paid exactly for its fuel, and the outcome has the output', async t => {
  const buyer = await buyerWith(t, {}, {})
  const outcome = await buyer.run()
  const [a] = buyer.fakes.providers
  const [hire] = buyer.fakes.hires
  assert.deepEqual(buyer.fakes.log, ['agree a', 'work a', 'commit a', 'reveal a', 'collect a'])
  assert.equal(outcome.status, 'ok')
  assert.equal(outcome.limit, null)
  assert.equal(outcome.hash, resultHash(TRUTH))
  assert.equal(outcome.fuel, FUEL)
  assert.deepEqual(outcome.stdout, GOOD.stdout)
  assert.deepEqual(outcome.files, GOOD.files)
  assert.equal(outcome.paidMsat, jobCost(hire!.terms, FUEL))
  assert.equal(outcome.feesMsat, 1n)
  assert.deepEqual(outcome.evidence, [])
  assert.equal(verdictOf(outcome, a!), 'equal')
  assert.deepEqual(
    buyer.payments.map(({ installment, msat }) => [installment, msat]),
    [
      [0, 1000n],
      [FINAL_INSTALLMENT, outcome.paidMsat - 1000n]
    ],
    'the base, and the rest'
  )
  assert.equal(buyer.experiences.of(a!.ask.identity)?.good, 1)
})

test('all replicas commit before any is asked to reveal', async t => {
  let release = (): void => undefined
  const hold = new Promise<void>(resolve => (release = resolve))
  const buyer = await buyerWith(t, {}, {}, { hold })
  const running = buyer.run({ verify: 3 })
  await Promise.all([/commit a/, /commit b/, /work c/].map(line => buyer.fakes.seen(line)))
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(buyer.fakes.count('reveal'), 0)
  release()
  const outcome = await running
  const { log } = buyer.fakes
  assert.ok(log.lastIndexOf('commit c') < log.findIndex(line => line.startsWith('reveal')))
  assert.equal(buyer.fakes.count('reveal'), 3)
  assert.equal(buyer.fakes.count('collect'), 3)
  const told = buyer.states.map(({ state }) => state).filter(state => /COMMITTED|REVEALED/.test(state))
  const each = (state: string): string[] => Array.from({ length: 3 }, () => state)
  assert.deepEqual(told, [...each('COMMITTED'), ...each('REVEALED')], 'and it is told so')
  for (const provider of buyer.fakes.providers) assert.equal(verdictOf(outcome, provider), 'equal')
})

test('of three replicas the differing one is not paid in full, counts as bad, and is kept as evidence', async t => {
  const buyer = await buyerWith(t, {}, { lie: LIE }, {})
  const outcome = await buyer.run({ verify: 3 })
  const [a, b, c] = buyer.fakes.providers
  assert.equal(outcome.status, 'ok')
  assert.equal(outcome.hash, resultHash(TRUTH))
  assert.deepEqual(
    [a, b, c].map(one => verdictOf(outcome, one!)),
    ['equal', 'other', 'equal']
  )
  const paid = buyer.fakes.hires.map(hire => [hire.provider.name, hire.state, hire.paidMsat])
  const cost = (provider: Provider): bigint =>
    jobCost(buyer.fakes.hires.find(hire => hire.provider === provider)!.terms, FUEL)
  assert.deepEqual(paid, [
    ['a', 'paid', cost(a!)],
    ['b', 'abandoned', 1000n],
    ['c', 'paid', cost(c!)]
  ])
  assert.ok(!buyer.fakes.log.includes('collect b'))
  assert.equal(buyer.experiences.of(b!.ask.identity)?.bad, 1)
  assert.equal(buyer.experiences.of(a!.ask.identity)?.bad, 0)
  assert.equal(outcome.evidence.length, 1)
  const verdict = verifyEvidence(parseEvidence(await readFile(outcome.evidence[0]!, 'utf8')))
  assert.deepEqual(
    [verdict.ok, verdict.provider, verdict.misdeeds],
    [true, formatKey(b!.device.publicKey), []]
  )
  assert.equal(verdict.stated!.hash, resultHash({ ...TRUTH, ...LIE }))
})

test('a provider that bills more fuel than the others counts as differing', async t => {
  const buyer = await buyerWith(t, { lie: { fuel: FUEL * 3n } }, {}, {})
  const outcome = await buyer.run({ verify: 3 })
  assert.equal(outcome.fuel, FUEL)
  assert.equal(verdictOf(outcome, buyer.fakes.providers[0]!), 'other')
})

test('two different results are a dispute: nobody gets the last payment, and the evidence of both is kept', async t => {
  const buyer = await buyerWith(t, {}, { lie: LIE }, {})
  const outcome = await buyer.run({ verify: 2 })
  assert.equal(outcome.status, 'disputed')
  assert.equal(outcome.hash, '')
  assert.equal(outcome.exitCode, -1)
  assert.equal(buyer.fakes.count('collect'), 0)
  assert.equal(outcome.paidMsat, 2000n)
  assert.equal(outcome.evidence.length, 2)
  assert.equal(new Set(outcome.evidence).size, 2)
  // Nobody knows which of the two was wrong.
  for (const { ask } of buyer.fakes.providers) assert.equal(buyer.experiences.of(ask.identity)?.bad ?? 0, 0)
})

test('two of four replicas are not a majority', async t => {
  const buyer = await buyerWith(t, {}, {}, { lie: LIE }, { lie: { exitCode: 3 } })
  const outcome = await buyer.run({ verify: 4 })
  assert.equal(outcome.status, 'disputed')
  assert.equal(outcome.evidence.length, 4)
  assert.equal(buyer.fakes.count('collect'), 0)
})

for (const step of ['agree', 'commit', 'reveal', 'collect'] as const) {
  test(`a provider that fails to ${step} is replaced by the next and not chosen again`, async t => {
    const buyer = await buyerWith(t, { failAt: { step, code: 'PEER_GONE' } }, {}, {})
    const outcome = await buyer.run()
    assert.equal(outcome.status, 'ok')
    assert.equal(buyer.fakes.log.filter(line => line === 'agree a').length, 1)
    assert.ok(buyer.fakes.log.includes('collect b'))
    assert.equal(buyer.fakes.count('agree'), 2)
    assert.equal(buyer.fakes.log.includes('abandon a'), step !== 'agree')
    if (step !== 'agree') assert.equal(verdictOf(outcome, buyer.fakes.providers[0]!), 'failed')
    // A decline is not counted against it.
    assert.equal(buyer.experiences.of(buyer.fakes.providers[0]!.ask.identity)?.bad ?? 0, 0)
  })
}

test('a paid provider that abandons the job counts as bad, and one that only declines does not', async t => {
  const buyer = await buyerWith(
    t,
    { failAt: { step: 'commit', code: 'JOB_FAILED' } },
    {
      failAt: { step: 'agree', code: 'DECLINED' }
    },
    {}
  )
  await buyer.run()
  const [a, b] = buyer.fakes.providers
  assert.equal(buyer.experiences.of(a!.ask.identity)?.bad, 1)
  assert.equal(buyer.experiences.of(b!.ask.identity), null)
})

test('a provider with a false key is replaced and counts as bad, and its evidence convinces anyone', async t => {
  const buyer = await buyerWith(t, { failAt: { step: 'collect', code: 'FALSE_KEY' } }, {})
  const outcome = await buyer.run()
  const [a] = buyer.fakes.providers
  assert.equal(outcome.status, 'ok')
  assert.equal(verdictOf(outcome, a!), 'failed')
  assert.equal(buyer.experiences.of(a!.ask.identity)?.bad, 1)
  const verdict = verifyEvidence(parseEvidence(await readFile(outcome.evidence[0]!, 'utf8')))
  assert.deepEqual(verdict.misdeeds, ['its key is not the one it had committed to'])
})

test('the output comes from another of the majority when the first opens nothing, and the others are paid too', async t => {
  const buyer = await buyerWith(t, { failAt: { step: 'collect', code: 'WRONG_OUTPUT' } }, {}, {})
  const outcome = await buyer.run({ verify: 3 })
  assert.deepEqual(outcome.files, GOOD.files)
  assert.equal(buyer.fakes.count('agree'), 3)
  assert.deepEqual(
    buyer.fakes.providers.map(one => verdictOf(outcome, one)),
    ['failed', 'equal', 'equal']
  )
})

test('a replica that fails while others work is replaced before any reveal', async t => {
  const buyer = await buyerWith(t, {}, { failAt: { step: 'commit', code: 'TIMEOUT' } }, {}, {})
  const outcome = await buyer.run({ verify: 3 })
  const { log } = buyer.fakes
  assert.ok(log.indexOf('commit d') < log.findIndex(line => line.startsWith('reveal')))
  assert.equal(outcome.providers.filter(({ verdict }) => verdict === 'equal').length, 3)
})

test('nothing is signed when there are too few providers', async t => {
  const buyer = await buyerWith(t, {}, {})
  await assert.rejects(buyer.run({ verify: 3 }), code('NO_OFFER'))
  assert.deepEqual(buyer.fakes.log, [])
  assert.deepEqual(buyer.jobs.list(), [])
})

/** The names of the providers that were hired, in order. */
const hiredBy = ({ fakes }: Buyer): string[] => fakes.hires.map(({ provider }) => provider.name)

test('one identity gets one replica, however many asks it has', async t => {
  const buyer = await buyerWith(t, {}, {})
  buyer.fakes.add('a2', {}, { identity: buyer.fakes.providers[0]!.ask.identity })
  await assert.rejects(buyer.run({ verify: 3 }), code('NO_OFFER'))
  buyer.fakes.add('d')
  await buyer.run({ verify: 3 })
  assert.deepEqual(hiredBy(buyer), ['a', 'b', 'd'])
})

test('an identity with a replica replaces no other, whichever device it uses', async t => {
  const buyer = await buyerWith(t, {}, { failAt: { step: 'commit', code: 'PEER_GONE' } })
  buyer.fakes.add('a2', {}, { identity: buyer.fakes.providers[0]!.ask.identity })
  buyer.fakes.add('d')
  await buyer.run({ verify: 2 })
  assert.deepEqual(hiredBy(buyer), ['a', 'b', 'd'])
})

test('with no provider left a majority of the requested number suffices, and fewer fail with the paid amount', async t => {
  const gone: Script = { failAt: { step: 'commit', code: 'PEER_GONE' } }
  const two = await buyerWith(t, {}, {}, gone)
  assert.equal((await two.run({ verify: 3 })).status, 'ok')
  const one = await buyerWith(t, {}, gone, gone)
  await assert.rejects(one.run({ verify: 3 }), (error: BushelError) => {
    assert.equal(error.code, 'NO_OFFER')
    assert.match(error.message, /^1 of 3 providers gave a result, .* 3 sat were paid$/)
    return true
  })
  assert.equal(one.fakes.count('collect'), 0)
  assert.ok(one.fakes.log.includes('abandon a'))
  assert.equal(one.jobs.list()[0]!.state, 'failed')
})

test('all replicas together never exceed the budget of the run, and all have equal fuel', async t => {
  const gone: Script = { failAt: { step: 'commit', code: 'PEER_GONE' }, segmentsMsat: 20_000n }
  const buyer = await buyerWith(t, {}, gone, {}, {}, {})
  const maxMsat = 90_000n
  await buyer.run({ verify: 3, maxMsat })
  const shares = buyer.fakes.requests.map(({ maxMsat }) => maxMsat)
  const first = shares.slice(0, 3).reduce((sum, share) => sum + share, 0n)
  assert.ok(first <= maxMsat && first > maxMsat - 10n, String(first))
  const fuels = buyer.fakes.hires.slice(0, 3).map(({ terms }) => mostFuel(terms))
  const spread = fuels.map(fuel => Number(fuel - fuels[0]!) / Number(fuels[0]!))
  assert.ok(
    spread.every(part => Math.abs(part) < 1e-3),
    String(fuels)
  )
  // The replacement gets what is left when the failed provider keeps its payment.
  const [a, b, c, d] = buyer.fakes.hires
  assert.ok(a!.terms.maxMsat + b!.paidMsat + c!.terms.maxMsat + d!.terms.maxMsat <= maxMsat)
  assert.ok(d!.terms.maxMsat > d!.terms.baseMsat)
})

test('wallet limits are checked before anything is signed', async t => {
  const buyer = await buyerWith(t, {}, {}, {})
  const over = new BushelError('OVER_LIMIT', 'too much')
  const asked: bigint[] = []
  buyer.faultOf = ({ msat }) => {
    asked.push(msat)
    return over
  }
  await assert.rejects(buyer.run({ verify: 2, maxMsat: 100_000n }), code('OVER_LIMIT'))
  assert.ok(asked[0]! > 99_990n && asked[0]! <= 100_000n)
  assert.deepEqual(buyer.fakes.log, [])

  // The limits allow each payment alone, but not all of them together.
  buyer.faultOf = ({ peer }) => (peer ? null : over)
  await assert.rejects(buyer.run({ verify: 2 }), code('OVER_LIMIT'))
  assert.deepEqual(buyer.fakes.log, [])

  // A provider over its limit is passed over; when no other is left, the error says so.
  const first = buyer.fakes.providers[0]!.ask.identity
  buyer.faultOf = ({ peer }) => (peer?.equals(first) ? over : null)
  await buyer.run()
  assert.equal(buyer.fakes.hires[0]!.provider.name, 'b')
  buyer.faultOf = ({ peer }) => (peer ? over : null)
  await assert.rejects(buyer.run({ args: ['again'] }), code('OVER_LIMIT'))
})

test('a failure on our own side ends the run without trying another provider', async t => {
  const buyer = await buyerWith(t, { failAt: { step: 'commit', code: 'NO_BALANCE' } }, {})
  await assert.rejects(buyer.run(), code('NO_BALANCE'))
  assert.equal(buyer.fakes.count('agree'), 1)
  assert.equal(buyer.jobs.list()[0]!.state, 'open')
})

test('a replica whose share bought less fuel is not blamed', async t => {
  const buyer = await buyerWith(
    t,
    {},
    {},
    { failAt: { step: 'commit', code: 'PEER_GONE' }, segmentsMsat: 25_000n }
  )
  const d = buyer.fakes.add('d', { lie: { status: 'limit', limit: 'fuel', tree: Buffer.alloc(32) } })
  const maxMsat = 90_000n
  const fuel = 600_000_000_000n
  for (const { script } of buyer.fakes.providers.slice(0, 2)) script.lie = { fuel }
  d.script.lie!.fuel = 1n
  const outcome = await buyer.run({ verify: 3, maxMsat })
  assert.equal(outcome.status, 'ok')
  const hire = buyer.fakes.hires.find(({ provider }) => provider === d)!
  assert.ok(mostFuel(hire.terms) < fuel)
  assert.equal(verdictOf(outcome, d), 'failed')
  assert.equal(buyer.experiences.of(d.ask.identity)?.bad ?? 0, 0)
  assert.deepEqual(outcome.evidence, [])
  assert.equal(segmentsMsat(hire.terms, 1), 1000n)
})
