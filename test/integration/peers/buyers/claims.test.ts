import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Hello } from '#spec'
import { sign } from '../../../../contracts/keys/signature.js'
import { parsePrice } from '../../../../contracts/money/money.js'
import { HOUR, KIB, MIB, MINUTE } from '../../../../contracts/money/quantity.js'
import { pause } from '../../../../src/base/timeouts.js'
import { setUp } from '../../../../src/daemon/setup.js'
import { DeclineError } from '../../../../src/deal/decline.js'
import { Home } from '../../../../src/identity/home.js'
import type { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'
import { openNode } from '../../../../src/node/node.js'
import { refundDescription } from '../../../../src/payment/payee.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { faultLog } from '../../../doubles/fault-log.js'
import { noise } from '../../../samples/tree.js'
import { Children } from '../../../world/children.js'
import { BarePeer } from '../../../parts/peers/bare-peer.js'
import { InvoiceForger } from '../../../parts/peers/invoice-forger.js'
import type { Draft } from '../../../parts/peers/invoice-forger.js'
import { MOST_UNPAID_VOIDS } from '../../../../src/storage/provider/billing.js'
import { RogueBuyer, limitOf } from '../../../parts/peers/rogue-buyer.js'
import type { Offer, Purchase } from '../../../parts/peers/rogue-buyer.js'
import { quiet } from '../../../parts/peers/rogues.js'

const SAT = 1000n
const PRICE = parsePrice('100000 sat/GiB-month')
const LIMIT = { timeout: 120_000 }
/** What a lease costs that ended at once, msat: the minimum charge. */
const LEAST = SAT

const children = await Children.open({ after })
const bootstrap = await children.testnet()
const faults: unknown[] = []
/** Added to the clock of the seller, ms. */
let ahead = 0
await setUp({ home: children.at('seller') })
const seller = await openNode({
  home: await Home.open(children.at('seller')),
  bootstrap,
  serve: true,
  now: () => Date.now() + ahead,
  log: faultLog(error => faults.push(error))
})
children.beforeEnd(() => seller.close())
const dht = BarePeer.dht(bootstrap)
children.beforeEnd(() => dht.destroy())
const { key: market } = await seller.call('market.create', { name: 'fair' } as never, quiet)
const sold = {
  space: 256 * MIB,
  price: String(PRICE),
  minTime: HOUR,
  maxTime: 1000 * HOUR,
  region: '',
  market
}
const { id: ask } = await seller.call('sell.storage', sold as never, quiet)
const offer: Offer = { market, id: ask, device: seller.device, price: PRICE }
const { leases, leaseManager, debts } = (await seller.trade()).storage
const trade = await seller.trade()
const { ledger } = trade
const wallet = trade.wallet as PlayWallet

const one = await RogueBuyer.open({ dir: children.at('one'), bootstrap, paying: true })
children.beforeEnd(() => one.close())
const core = await one.core(noise('core', 64 * KIB))
const limit = (): ReturnType<typeof limitOf> => limitOf(core, { length: 4, byteLength: 4 * MIB })
const left = (id: Buffer): bigint => debts.get('debtor', id)?.leftMsat ?? 0n

/** A lease that is ended after its first two payments, of 5 and 10 sat. */
async function owed(): Promise<Purchase> {
  const purchase = await one.buy(offer, [limit()])
  await one.pay(purchase, 1)
  await purchase.channel.request('end', { agreement: purchase.id, reason: 'enough', counter: null })
  assert.equal(left(purchase.id), 15n * SAT - LEAST)
  return purchase
}

test('requests that name installments which no agreement has are declined', LIMIT, async () => {
  const { id: agreement, channel } = await one.buy(offer, [limit()])
  for (const installment of [64, 1000, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const hash = ledger.payment(agreement, 0)!.hash
    const word = 'INSTALLMENT_REFUSED'
    await assert.rejects(channel.request('void', { agreement, installment, hash }), { word })
    await assert.rejects(channel.request('paid', { agreement, installment, preimage: hash }), {
      word: 'NOT_RECEIVED'
    })
    await assert.rejects(channel.request('credit', { agreement, installment, debt: agreement }), {
      word: 'NO_LIST'
    })
    await assert.rejects(channel.request('strip', { agreement, from: installment }), { word: 'NO_LIST' })
    await assert.rejects(channel.request('topup', { agreement, from: installment }), {
      word: 'NO_LIST'
    })
  }
  assert.deepEqual(faults, [])
})

test(
  'before anything is paid the hash of the first installment is replaced a few times only',
  LIMIT,
  async () => {
    const { id: agreement, channel } = await one.agree(offer, [limit()])
    const hashOf = (installment: number): Buffer => ledger.payment(agreement, installment)!.hash
    const first = { agreement, installment: 0, hash: hashOf(0) }
    for (let voids = 0; voids < MOST_UNPAID_VOIDS; voids++)
      await channel.request('void', { ...first, hash: hashOf(0) })
    await channel.request('void', first) // again
    await assert.rejects(channel.request('void', { ...first, hash: hashOf(0) }), { word: 'NOT_PAID' })
    await assert.rejects(channel.request('void', { agreement, installment: 1, hash: hashOf(1) }), {
      word: 'NOT_PAID'
    })
    assert.equal(ledger.payment(agreement, 0)!.issue, MOST_UNPAID_VOIDS)
    assert.deepEqual(faults, [])
  }
)

test(
  'a refund invoice that is not for the debt is declined, and the right one is paid once',
  LIMIT,
  async () => {
    const { id: agreement, channel } = await owed()
    const msat = left(agreement)
    const forger = new InvoiceForger()
    const forged = (twist: (draft: Draft) => Partial<Draft>): string => {
      const list = {
        agreement,
        installments: [{ installment: 0, issue: 0, hash: Buffer.alloc(32, 7), msat }]
      }
      return forger.invoices(list, draft => ({
        description: refundDescription(agreement),
        ...twist(draft)
      }))[0]!
    }
    const wrong = [
      '',
      'lnbcrt1garbage',
      'ln'.repeat(400),
      forged(() => ({})),
      forged(() => ({ prefix: 'bc' })),
      forged(() => ({ timestamp: 1 })),
      await one.payments.refundInvoice(agreement, msat + 1n)
    ]
    for (const invoice of wrong)
      await assert.rejects(channel.request('refund', { agreement, invoice }), { word: 'INVOICE' }, invoice)
    assert.deepEqual(faults, [])

    const received = new Promise<void>(resolve => one.payments.once('received', () => resolve()))
    const invoice = await one.payments.refundInvoice(agreement, msat)
    await channel.request('refund', { agreement, invoice })
    await channel.request('refund', { agreement, invoice }).catch(unlessDeclined)
    await received
    // The wallet of the payer reports the outcome a moment after that of the payee.
    for (let tries = 0; ledger.totals(agreement).refundedMsat < msat && tries < 100; tries++) await pause(50)
    for (const again of [invoice, forged(() => ({}))])
      await assert.rejects(channel.request('refund', { agreement, invoice: again }), { word: 'NO_DEBT' })
    assert.equal(one.payments.ledger.totals(agreement).refundedMsat, msat)
    assert.equal(ledger.totals(agreement).refundedMsat, msat)
    assert.deepEqual(faults, [])
  }
)

test('a credit settles one installment of one debt, however often it is repeated', LIMIT, async () => {
  const { id: debt, channel } = await owed()
  const [first, second] = [await one.agree(offer, [limit()]), await one.agree(offer, [limit()])]
  const credit = (agreement: Buffer, installment: number, from = debt): Promise<unknown> =>
    channel.request('credit', { agreement, installment, debt: from })
  const before = left(debt)
  for (let i = 0; i < 3; i++) await credit(first.id, 0)
  assert.equal(left(debt), before - 5n * SAT)
  await assert.rejects(credit(first.id, 1), { word: 'CREDIT' }, 'too little is left')
  await assert.rejects(credit(second.id, 1), { word: 'CREDIT' }, 'an earlier one is not settled')
  await assert.rejects(credit(second.id, 0, first.id), { word: 'CREDIT' }, 'nothing is owed for that lease')
  await assert.rejects(credit(second.id, 0, Buffer.alloc(32)), { word: 'NO_AGREEMENT' })
  await credit(second.id, 0)
  assert.equal(left(debt), before - 10n * SAT)
  for (const { id } of [first, second]) {
    assert.equal(leases.get('provider', id)!.state, LEASE.ACTIVE)
    await assert.rejects(one.payments.pay(id, 0), { code: 'PAYMENT_FAILED' }, 'its invoice is refused')
  }
  const whole = await one.payments.refundInvoice(debt, before)
  await assert.rejects(channel.request('refund', { agreement: debt, invoice: whole }), { word: 'INVOICE' })
  assert.deepEqual(faults, [])
})

test('counters that are older, of another agreement or of another signer change nothing', LIMIT, async () => {
  const { id: agreement, channel } = await one.buy(offer, [limit()])
  const other = await one.buy(offer, [limit()])
  const counter = (n: number, change = {}) => ({
    ...{ agreement, n, paidMsat: 5n * SAT, servedUntil: Date.now() - MINUTE, egressBytes: 0 },
    ...change
  })
  const count = (value: ReturnType<typeof counter>, signed = value) =>
    channel.request('counter', { counter: value, buyer: sign('counter', signed, one.who.device) })
  const old = await count(counter(1, { paidMsat: 0n }))
  const last = await count(counter(2))
  assert.deepEqual(await count(last.counter), last, 'repeated, it gets the same answer')
  await assert.rejects(count(old.counter), { word: 'COUNTER' })
  await assert.rejects(count(counter(3, { paidMsat: 4n * SAT })), { word: 'COUNTER' })
  await assert.rejects(count(counter(3, { agreement: other.id }), counter(3)), { word: 'SIGNATURE' })
  await assert.rejects(count(counter(Number.MAX_SAFE_INTEGER, { servedUntil: 2 ** 52 })), { word: 'COUNTER' })
  // Shown at the next hello.
  one.deals.exchange({ show: () => [old], judge: async () => undefined })
  channel.disconnect()
  await channel.close()
  await one.channel(offer)
  assert.deepEqual(leases.get('provider', agreement)!.counter, last)
  assert.equal(leases.get('provider', other.id)!.counter ?? null, null)
  assert.deepEqual(faults, [])
})

/** Turns of the event loop between the payment and the end; at first the end comes before the wallet's report of the payment. */
const MOMENTS = ['before its report', 0, 3, 9, 15] as const

/** Pays an installment, and has its agreement end at that moment. True when it was paid. */
async function paidAtTheEnd(
  id: Buffer,
  installment: number,
  moment: (typeof MOMENTS)[number],
  end: () => Promise<void>
): Promise<boolean> {
  const { emit } = wallet
  if (moment === 'before its report')
    wallet.emit = (name, ...args) => name !== 'settled' && emit.call(wallet, name, ...args)
  const paying = one.payments.pay(id, installment).then(() => true, unlessFailed)
  if (moment === 'before its report') assert.equal(await paying, true)
  else for (let i = 0; i < moment; i++) await new Promise<void>(resolve => setImmediate(resolve))
  await end()
  wallet.emit = emit
  return paying
}

test('a first payment at the last moment binds the agreement, or is not taken', LIMIT, async () => {
  for (const moment of MOMENTS) {
    const { id, reach } = await one.agree(offer, [limit()])
    await reach()
    const isPaid = await paidAtTheEnd(id, 0, moment, async () => {
      ahead += HOUR
      await leaseManager!.look()
      ahead = 0
    })
    await leaseManager!.look()
    const { state } = leases.get('provider', id)!
    assert.equal(state, isPaid ? LEASE.ACTIVE : LEASE.VOID, `${moment}`)
    assert.equal(ledger.totals(id).receivedMsat, isPaid ? 5n * SAT : 0n)
    if (isPaid) await leaseManager!.end(id, 'the test needs its space')
  }
  assert.deepEqual(faults, [])
})

test('a payment at the end of its lease is part of the debt, or is not taken', LIMIT, async () => {
  for (const moment of MOMENTS) {
    const { id } = await one.buy(offer, [limit()])
    const isPaid = await paidAtTheEnd(id, 1, moment, () => leaseManager!.end(id, 'it lapses'))
    const paid = isPaid ? 15n * SAT : 5n * SAT
    assert.equal(ledger.totals(id).receivedMsat, paid)
    assert.equal(debts.get('debtor', id)!.debt.debt.msat, paid - LEAST, `${moment}`)
  }
  assert.deepEqual(faults, [])
})

test(
  'a hello with keys, proofs and signatures that are none is declined, and costs at most its connection',
  LIMIT,
  async () => {
    const { pid } = wallet
    const counter = { agreement: Buffer.alloc(32), n: 1, paidMsat: 2n ** 63n, servedUntil: 1, egressBytes: 1 }
    const nodes = [
      '',
      '00'.repeat(33),
      `02${'ff'.repeat(32)}`,
      `06${'11'.repeat(64)}`,
      `04${'00'.repeat(64)}`
    ]
    const hellos: [RegExp, (hello: Hello) => Partial<Hello>][] = [
      ...nodes.map((node): (typeof hellos)[number] => [
        /^LIGHTNING/,
        () => ({ lightning: Buffer.from(node, 'hex') })
      ]),
      ...[0, 1, 63, 64, 1024, 6000].map((bytes): (typeof hellos)[number] => [
        /^IDENTITY/,
        () => ({ proof: Buffer.alloc(bytes) })
      ]),
      [/^IDENTITY/, ({ proof }) => ({ proof: proof!.subarray(0, -1) })],
      [/^IDENTITY/, ({ proof }) => ({ proof: Buffer.concat([proof!.subarray(0, -64), Buffer.alloc(64)]) })],
      [/^CLOCK/, () => ({ clock: Number.MAX_SAFE_INTEGER })],
      [/closed|destroyed/i, () => ({ proof: Buffer.alloc(64 << 10) })]
    ]
    for (const [says, twist] of hellos)
      await assert.rejects(BarePeer.meet(dht, offer, twist), ({ message }: Error) => says.test(message))
    // Counters that nobody signed are not looked at.
    const unsigned = [Buffer.alloc(64), Buffer.alloc(64, 1)].map(bytes => ({
      ...{ counter, buyer: bytes, provider: bytes }
    }))
    const peer = await BarePeer.meet(dht, offer, () => ({ counters: unsigned }))
    peer.close()
    assert.equal(wallet.pid, pid, 'the Lightning process lives')
    assert.deepEqual(faults, [])
  }
)

test(
  'cores and read keys that are no points are kept like any others, and nothing fails',
  LIMIT,
  async () => {
    const keys = [Buffer.alloc(32), Buffer.alloc(32, 0xff), Buffer.from(`01${'00'.repeat(31)}`, 'hex')]
    for (const key of keys) {
      const { id: agreement, channel } = await one.buy(offer, [{ key, length: 1, byteLength: 1000 }], () => ({
        readKey: key
      }))
      assert.deepEqual(await channel.request('progress', { agreement }), {
        agreement,
        blocks: 0,
        bytes: 0,
        ...{ waits: 0, egressBytes: 0, ownerBytes: 0 }
      })
      const seal = { agreement, cores: [{ key, fork: 0, length: 1, byteLength: 1000, treeHash: key }] }
      for (const signature of [Buffer.alloc(64), sign('seal', seal, one.who.device)])
        await assert.rejects(channel.request('seal', { seal, signature }), { word: /SIGNATURE|INCOMPLETE/ })
      await channel.request('end', { agreement, reason: 'enough', counter: null })
    }
    assert.deepEqual(faults, [])
  }
)

function unlessDeclined(error: unknown): void {
  if (!(error instanceof DeclineError) && (error as { code?: string }).code !== 'DECLINED') throw error
}

function unlessFailed(error: unknown): false {
  if ((error as { code?: string }).code !== 'PAYMENT_FAILED') throw error
  return false
}
