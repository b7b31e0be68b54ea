import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { ClnWallet } from '../../../../src/lightning/backends/cln/wallet.js'
import type { PaymentState } from '../../../../src/lightning/payment-records.js'
import { Children } from '../../../world/children.js'
import { startLightningd } from '../../../doubles/lightningd/start.js'
import type { HopOptions, Lightningd } from '../../../doubles/lightningd/start.js'

const FEE = { maxFeeMsat: 5_000n, timeoutMs: 10_000 }
const maxFeeMsat = (): bigint => 5_000n

interface Pair {
  alice: Lightningd
  bob: Lightningd
  hop: string
  payer: ClnWallet
  payee: ClnWallet
}

/** Two nodes with one in between, which takes 1 sat and 1000 ppm. */
async function pair(t: TestContext, options: Partial<HopOptions> = {}): Promise<Pair> {
  const children = await Children.open(t)
  const [alice, bob] = await Promise.all([
    startLightningd(children, { dir: children.at('a'), folder: children.dir }),
    startLightningd(children, { dir: children.at('b'), folder: children.dir })
  ])
  const hop = await alice.hop(bob, options)
  const [payer, payee] = [alice, bob].map(
    ({ socket }) =>
      new ClnWallet({
        socket,
        payIndex: { get: () => 0n, set: async () => undefined },
        pollMs: 20,
        timeoutMs: 5_000
      })
  ) as [ClnWallet, ClnWallet]
  await Promise.all([payer.ready(), payee.ready()])
  children.beforeEnd(() => Promise.all([payer.close(), payee.close()]))
  return { alice, bob, hop, payer, payee }
}

async function issue(wallet: ClnWallet, msat: bigint): Promise<{ bolt11: string; hash: Buffer }> {
  const preimage = randomBytes(32)
  const bolt11 = await wallet.issue({ preimage, msat, description: 'a test', expirySeconds: 3600 })
  return { bolt11, hash: createHash('sha256').update(preimage).digest() }
}

function failure(state: PaymentState): { passing: boolean; reason: string } {
  assert.equal(state.status, 'failed')
  const { passing = false, reason } = state as Extract<PaymentState, { status: 'failed' }>
  return { passing, reason }
}

test('the fee of a payment is known before it is made, and counts against what can be sent', async t => {
  const { payer, payee } = await pair(t, { msat: 200_000n })
  const { spendableMsat } = await payer.balance()
  assert.equal(await payer.foresee(payee.nodeId, 40_000n, 5_000, { maxFeeMsat }), 1_040n)
  // Three payments of 40 sat have three fees.
  const amounts = [40_000n, 40_000n, 40_000n]
  assert.equal(await payer.foresee(payee.nodeId, 120_000n, 5_000, { amounts, maxFeeMsat }), 3_120n)
  const all = spendableMsat - 1_000n
  const many = Array.from({ length: 4 }, () => all / 4n)
  await assert.rejects(payer.reach(payee.nodeId, all, 5_000, { amounts: many, maxFeeMsat }), {
    code: 'NO_BALANCE',
    message: /of fees/
  })
  const invoice = await issue(payee, 40_000n)
  const state = await payer.pay(invoice.bolt11, FEE)
  assert.ok(state.status === 'succeeded' && state.feeMsat === 1_040n)
})

test('a wallet tells what can be sent to whom, and an error which of balance and route is missing', async t => {
  const { alice, hop, payer, payee } = await pair(t, { msat: 200_000n })
  const { spendableMsat, receivableMsat } = await payer.balance()
  const peer = { peer: Buffer.from(hop, 'hex'), usable: true, channels: 1, spendableMsat, receivableMsat }
  assert.deepEqual(await payer.liquidity(), { peers: [peer], largestMsat: spendableMsat, newChannelMsat: 0n })
  // The fee does not fit beside it.
  await assert.rejects(payer.reach(payee.nodeId, spendableMsat, 5_000, { maxFeeMsat }), {
    code: 'NO_ROUTE',
    message: /, though \d+(\.\d+)? sat can be sent/
  })

  await alice.call('dev-offline', { peer: hop, offline: true })
  assert.deepEqual(await payer.liquidity(), {
    ...{ largestMsat: 0n, newChannelMsat: 0n },
    peers: [{ ...peer, usable: false }]
  })
  await assert.rejects(payer.reach(payee.nodeId, 40_000n, 5_000, { maxFeeMsat }), {
    code: 'NO_BALANCE',
    message:
      /^the balance is too small: 40 sat are needed, 0 sat can .* more are in channels whose peers are away$/
  })
})

test('a fee over the limit is found before anything is paid', async t => {
  const { payer, payee } = await pair(t)
  const limit = { maxFeeMsat: () => 1_039n }
  await assert.rejects(payer.reach(payee.nodeId, 40_000n, 5_000, limit), {
    code: 'NO_ROUTE',
    message: /costs at most 1\.039 sat/
  })
  const { bolt11 } = await issue(payee, 40_000n)
  const { passing } = failure(await payer.pay(bolt11, { ...FEE, maxFeeMsat: 1_039n }))
  assert.ok(passing, 'another time it may cost less')
})

test('a payee whose channels are not announced is reached by the hints of its invoice', async t => {
  const { alice, payer, payee } = await pair(t, { announced: false })
  const { bolt11 } = await issue(payee, 40_000n)
  const options = { maxFeeMsat, invoice: bolt11 }
  assert.equal(await payer.foresee(payee.nodeId, 40_000n, 5_000, options), 1_040n)
  await assert.rejects(
    payer.reach(payee.nodeId, 40_000n, 5_000, { invoice: bolt11, maxFeeMsat: () => 1_000n }),
    { code: 'NO_ROUTE' }
  )
  assert.deepEqual(await alice.call('dev-layers'), { layers: [] }, 'no layer is left behind')
  assert.equal((await payer.pay(bolt11, FEE)).status, 'succeeded')
})

for (const era of ['xpay', 'pay'] as const) {
  test(`a node that has only ${era} pays over announced channels and over hints`, async t => {
    for (const announced of [true, false]) {
      const { alice, payer, payee } = await pair(t, { announced })
      await alice.behave({ era })
      const { bolt11 } = await issue(payee, 40_000n)
      const options = { maxFeeMsat, invoice: bolt11 }
      // A hop without a channel of ours that gossip knows is no way for getroute either.
      if (announced || era === 'xpay')
        assert.equal(await payer.foresee(payee.nodeId, 40_000n, 5_000, options), 1_040n)
      assert.equal((await payer.pay(bolt11, FEE)).status, 'succeeded')
    }
  })
}

test('a payee that is away for a moment fails a payment for now, and the same invoice is paid later', async t => {
  const { bob, payer, payee } = await pair(t)
  const { bolt11 } = await issue(payee, 40_000n)
  await bob.kill()
  assert.ok(failure(await payer.pay(bolt11, FEE)).passing)
  await bob.start()
  // xpay takes the channel for full for an hour: it is made to forget that.
  const state = await payer.pay(bolt11, FEE)
  assert.equal(state.status, 'succeeded')
})

test('what xpay remembers of a channel is asked for with the amount, before a payment', async t => {
  const { bob, alice, payer, payee } = await pair(t)
  const { bolt11 } = await issue(payee, 40_000n)
  await bob.kill()
  await assert.rejects(alice.call('xpay', { invstring: bolt11, maxfee: 5000 }), { rpc: 209 })
  await bob.start()
  await assert.rejects(payer.reach(payee.nodeId, 40_000n, 5_000, { maxFeeMsat }), { code: 'NO_ROUTE' })
  assert.equal(await payer.foresee(payee.nodeId, 20_000n, 5_000, { maxFeeMsat }), 1_020n)
})

test('a hop that is away fails a payment for now', async t => {
  const { alice, hop, payer, payee } = await pair(t)
  const { bolt11 } = await issue(payee, 40_000n)
  await alice.call('dev-offline', { peer: hop, offline: true })
  assert.ok(failure(await payer.pay(bolt11, FEE)).passing)
  await alice.call('dev-offline', { peer: hop, offline: false })
  assert.equal((await payer.pay(bolt11, FEE)).status, 'succeeded')
})

test('the least that the channels bring is known, so that no smaller payment is asked for', async t => {
  const { payee, payer } = await pair(t, { leastMsat: 100_000n, statedMsat: 100_000n })
  assert.equal(await payee.leastReceivable(), 100_000n)
  assert.equal(await payer.leastReceivable(), 0n)
  const { bolt11 } = await issue(payee, 99_999n)
  assert.ok(failure(await payer.pay(bolt11, FEE)).passing)
  assert.equal((await payer.pay((await issue(payee, 100_000n)).bolt11, FEE)).status, 'succeeded')
})

test('a payment that lightningd recorded and never sent is failed once it has started again, and stays so', async t => {
  const { alice, payer, payee } = await pair(t)
  await alice.behave({ stillborn: true })
  const { bolt11, hash } = await issue(payee, 40_000n)
  assert.deepEqual(await payer.pay(bolt11, { ...FEE, timeoutMs: 1_500 }), { status: 'pending' })
  assert.deepEqual(await payer.payment(hash), { status: 'pending' }, 'the same lightningd may still send it')
  await alice.restart()
  const state = await payer.payment(hash)
  assert.ok(state.status === 'failed' && state.dead === true)
  assert.deepEqual(await payer.pay(bolt11, FEE), state, 'it cannot be paid again')
  assert.equal((await payer.pay((await issue(payee, 40_000n)).bolt11, FEE)).status, 'succeeded')
})

test('a payment whose HTLC is in a channel stays pending, whatever lightningd is started again', async t => {
  const { alice, bob, payer, payee } = await pair(t)
  await bob.behave({ hold: true })
  const { bolt11, hash } = await issue(payee, 40_000n)
  assert.deepEqual(await payer.pay(bolt11, { ...FEE, timeoutMs: 1_500 }), { status: 'pending' })
  await alice.restart()
  assert.deepEqual(await payer.payment(hash), { status: 'pending' })
  await bob.behave({ hold: false })
  const state = await payer.pay(bolt11, FEE)
  assert.equal(state.status, 'succeeded')
})
