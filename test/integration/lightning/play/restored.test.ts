import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, rm } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import type { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'
import {
  WalletGroup,
  FEELESS,
  SAT,
  untilBalance,
  invoice,
  payUntilSettled,
  spendable,
  succeeded
} from './wallets.js'
import type { Invoice } from './wallets.js'

const GRANT = 1_000_000n * SAT

let group: WalletGroup

before(() => {
  group = new WalletGroup()
})

after(() => group.destroy())

async function pay(payer: PlayWallet, payee: PlayWallet, msat: bigint): Promise<void> {
  await payer.reach(payee.nodeId, msat, 20_000)
  await payUntilSettled(payer, payee.nodeId, await invoice(payee, msat))
}

test('an older copy of a wallet gives up its channel, applies the co-signed balance, and can pay again', async () => {
  const seller = await group.wallet('seller', GRANT)
  const first = await group.wallet('buyer', GRANT)
  let part = await group.join(first, seller)
  await pay(first, seller, 50n * SAT)
  await first.close()
  part()
  await cp(group.folder('buyer'), group.folder('copy'), { recursive: true })

  const second = await group.wallet('buyer')
  part = await group.join(second, seller)
  await pay(second, seller, 70n * SAT)
  // The last payment is claimed, and the connection ends before the payment is taken off the channel.
  const last = await invoice(seller, 30n * SAT)
  const claimed = once(seller, 'settled')
  const paying = second.pay(last.bolt11, FEELESS)
  await claimed
  part()
  await second.close()
  await paying
  await rm(group.folder('buyer'), { recursive: true })
  await cp(group.folder('copy'), group.folder('buyer'), { recursive: true })

  const restored = await group.wallet('buyer')
  const abandoning = { id: 'counter 3', deltaMsat: -100n * SAT }
  await restored.abandon(seller.nodeId, abandoning)
  await restored.abandon(seller.nodeId, abandoning)
  const push = 2_000n * SAT
  await untilBalance(restored, GRANT - push - 150n * SAT)
  await group.join(restored, seller)
  // The seller's channel closes when the two connect, and credits what the seller had in it.
  await untilBalance(seller, GRANT + push + 150n * SAT)

  await pay(restored, seller, 10n * SAT)
  const records = await seller.history()
  assert.equal(
    records.reduce((sum, { msat }) => sum + msat, 0n),
    160n * SAT
  )
  await restored.close()
  const again = await group.wallet('buyer')
  await again.abandon(seller.nodeId, abandoning)
  assert.equal((await again.history()).length, 2, 'the payments that the copy knew, and the new one')
})

test('the history after a takeover is that of both sides, to the msat', async () => {
  const payee = await group.wallet('payee', GRANT)
  const payer = await group.wallet('payer', GRANT)
  await group.join(payer, payee)
  assert.equal(await payee.canReceive(payer.nodeId, GRANT), true, 'the payer can open a channel')
  await payer.reach(payee.nodeId, 10n * SAT, 20_000)
  const started = Date.now()
  const made = await invoice(payee, 9_001n)
  succeeded(await payer.pay(made.bolt11, FEELESS), made)
  const open = await invoice(payee, 1_000n)
  await payee.refuse(open.paymentHash)
  assert.equal((await payer.pay(open.bolt11, FEELESS)).status, 'failed')
  const sent = await payer.history()
  assert.deepEqual(
    sent.map(({ direction, msat, status, preimage }) => [direction, msat, status, preimage?.toString('hex')]),
    [
      ['sent', 9_001n, 'succeeded', made.preimage.toString('hex')],
      ['sent', 1_000n, 'failed', undefined]
    ]
  )
  const received = await payee.history({ since: started })
  assert.deepEqual(
    received.map(({ direction, msat }) => [direction, msat]),
    [['received', 9_001n]]
  )
  assert.deepEqual(await payee.history({ since: Date.now() + 1000 }), [])
  assert.equal(await payee.canReceive(payer.nodeId, GRANT), false, 'more than the channel holds')
})

test('an orphaned payment waits for the answer of the payee and is resolved by it once', async () => {
  const payee = await group.wallet('holder', GRANT)
  const payer = await group.wallet('orphan', GRANT)
  const orphan = async (made: Invoice): Promise<bigint> => {
    const part = await group.join(payer, payee)
    await payer.reach(payee.nodeId, made.msat, 20_000)
    const inChannel = await spendable(payer)
    process.kill(payee.pid!, 'SIGSTOP')
    assert.deepEqual(await payer.pay(made.bolt11, { ...FEELESS, timeoutMs: 300 }), { status: 'pending' })
    part()
    await payer.abandon(payee.nodeId, { id: made.bolt11, deltaMsat: 0n })
    process.kill(payee.pid!, 'SIGCONT')
    assert.deepEqual(await payer.payment(made.paymentHash), { status: 'pending', orphaned: true })
    const left = await spendable(payer)
    assert.ok(left > inChannel, 'the channel has come back, reserve and all')
    return left
  }
  const taken = await invoice(payee, 40n * SAT)
  const left = await orphan(taken)
  await assert.rejects(payer.resolve(taken.paymentHash, Buffer.alloc(32)))
  for (let i = 0; i < 2; i++) succeeded(await payer.resolve(taken.paymentHash, taken.preimage), taken)
  assert.equal(await spendable(payer), left - 40n * SAT)

  const never = await invoice(payee, 60n * SAT)
  const after = await orphan(never)
  for (let i = 0; i < 2; i++) assert.equal((await payer.resolve(never.paymentHash, null)).status, 'failed')
  assert.equal(await spendable(payer), after)
})
