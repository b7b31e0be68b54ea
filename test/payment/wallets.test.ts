import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkInvoice } from '../../src/lightning/invoice.js'
import type { PlayWallet } from '../../src/lightning/play/wallet.js'
import { Ledger } from '../../src/payment/ledger.js'
import { Teller } from '../../src/payment/teller.js'
import { Bench } from '../lightning/wallets.js'
import { AGREEMENT, BUYER, EPOCHS, PROVIDER } from './ends.js'

async function tellerOf(bench: Bench, wallet: PlayWallet, name: string): Promise<Teller> {
  await mkdir(bench.folder('ledgers'), { recursive: true })
  const teller = new Teller({
    ledger: new Ledger(join(bench.folder('ledgers'), name)),
    wallet,
    checkInvoice,
    secret: Buffer.alloc(32, name.length),
    onfault: error => assert.fail(String(error))
  })
  await teller.ready()
  return teller
}

test('on real Lightning: slices, a refused hash and a new one, a refund, an invoice; the books are those of the wallets', async t => {
  const bench = new Bench()
  t.after(() => bench.destroy())
  const [a, b] = await Promise.all([bench.wallet('buyer'), bench.wallet('provider')])
  await bench.join(a, b)
  let buyer = await tellerOf(bench, a, 'buyer')
  const provider = await tellerOf(bench, b, 'provider')
  t.after(() => Promise.all([buyer.close(), provider.close()]))

  const list = provider.list(AGREEMENT, EPOCHS.slice(0, 3), 0)
  await buyer.intend(list, PROVIDER)
  await buyer.bind(list, await provider.strip(list, 3600, BUYER), b.nodeId)
  await buyer.reach(b.nodeId, 50_000n)
  assert.equal((await buyer.pay(AGREEMENT, 0)).step, 'paid')
  assert.ok(await provider.wasReceived(AGREEMENT, 0, 5000))

  const old = (await buyer.voidable(AGREEMENT, 1))!
  const answer = await provider.reissue(AGREEMENT, 1, old.hash, 3600)
  assert.ok('slice' in answer)
  await assert.rejects(buyer.pay(AGREEMENT, 1), { code: 'PAYMENT_FAILED' }, 'the old hash is refused')
  assert.ok(await buyer.voidable(AGREEMENT, 1))
  await buyer.rebind(answer.slice, answer.invoice, b.nodeId, AGREEMENT)
  assert.equal((await buyer.pay(AGREEMENT, 1)).issue, 1)
  assert.ok(await provider.wasReceived(AGREEMENT, 1, 5000))

  const refund = await buyer.refundInvoice(AGREEMENT, 2_000n, PROVIDER)
  const received = once(buyer, 'received')
  assert.equal((await provider.payRefund(AGREEMENT, refund, 2_000n, a.nodeId, BUYER)).step, 'paid')
  await received
  const { invoice } = await provider.issue(3_000n, 'a coffee', 600)
  assert.equal((await buyer.payInvoice(invoice)).step, 'paid')
  await assert.rejects(buyer.payInvoice(invoice), { code: 'ALREADY_PAID' })

  await buyer.close()
  buyer = await tellerOf(bench, a, 'buyer')
  const consumed = new Map([[AGREEMENT.toString('hex'), 1_000n]])
  for (const [teller, role] of [
    [buyer, 'payer'],
    [provider, 'payee']
  ] as const) {
    const { faults, accounts } = await teller.checkBalance(consumed)
    assert.deepEqual(faults, [])
    assert.deepEqual(
      accounts.map(account => [account.role, account.balanceMsat]),
      [[role, 10_001n - 2_000n - 1_000n]]
    )
    assert.deepEqual(teller.reconciler.faults, [])
  }
})
