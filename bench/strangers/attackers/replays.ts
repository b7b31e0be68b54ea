import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { sign } from '../../../contracts/keys/signature.js'
import { KIB, MIB, MINUTE } from '../../../contracts/money/quantity.js'
import type { Address } from '../../../src/network/network.js'
import { refundDescription } from '../../../src/payment/payee.js'
import { InvoiceForger } from '../../../test/parts/peers/invoice-forger.js'
import { RogueBuyer, limitOf } from '../../../test/parts/peers/rogue-buyer.js'
import type { Offer, Purchase } from '../../../test/parts/peers/rogue-buyer.js'
import { answer } from '../../stage.js'
import { Doings } from './doings.js'
import { delay } from './ground.js'

// A buyer that pays, and then shows counters, refunds and credits again, or those of others.

export interface ReplayOrder {
  bootstrap: Address[]
  folder: string
  offers: (Omit<Offer, 'price'> & { price: string })[]
  /** Between two of its purchases, ms. */
  everyMs: number
  nice: number
}

const SAT = 1000n
const doings = new Doings<ReplayOrder>()
const { bootstrap, folder, offers, everyMs } = doings.order
const forger = new InvoiceForger()
const one = await RogueBuyer.open({ dir: join(folder, 'replays'), bootstrap, paying: true })
const core = await one.core(randomBytes(64 * KIB))
const limit = (): ReturnType<typeof limitOf> => limitOf(core, { length: 4, byteLength: 4 * MIB })

/** Sends what must be declined. */
async function declined(what: string, request: Promise<unknown>): Promise<void> {
  try {
    await request
  } catch (error) {
    if ((error as { code?: string }).code !== 'DECLINED') throw error
    return doings.did(what)
  }
  doings.harmed(`${what} was taken`)
}

async function counters({ id: agreement, channel }: Purchase, other: Purchase): Promise<void> {
  const counter = (n: number, change = {}) => ({
    ...{ agreement, n, paidMsat: 5n * SAT, servedUntil: Date.now() - MINUTE, egressBytes: 0 },
    ...change
  })
  const count = (value: ReturnType<typeof counter>, signed = value) =>
    channel.request('counter', { counter: value, buyer: sign('counter', signed, one.who.device) })
  const old = await count(counter(1, { paidMsat: 0n }))
  await count(counter(2))
  await declined('an older counter', count(old.counter))
  await declined('a counter that takes back a payment', count(counter(3, { paidMsat: 4n * SAT })))
  await declined('a counter signed for another', count(counter(3, { agreement: other.id }), counter(3)))
}

/** Ends the lease and gives what is owed for it, msat. */
async function ended({ id: agreement, channel }: Purchase): Promise<bigint> {
  const { debt } = await channel.request('end', { agreement, reason: 'enough', counter: null })
  if (!debt) throw new Error('nothing is owed')
  return debt.debt.msat
}

async function refunds(purchase: Purchase): Promise<void> {
  const { id: agreement, channel } = purchase
  await one.pay(purchase, 1)
  const msat = await ended(purchase)
  const asked = (invoice: string): Promise<unknown> => channel.request('refund', { agreement, invoice })
  const list = { agreement, installments: [{ installment: 0, issue: 0, hash: randomBytes(32), msat }] }
  const [forged] = forger.invoices(list, () => ({
    description: refundDescription(agreement),
    prefix: 'bc'
  }))
  await declined('a refund invoice of another network', asked(forged!))
  const tooMuch = await one.payments.refundInvoice(agreement, msat + SAT)
  await declined('a refund of more than is owed', asked(tooMuch))
  const received = new Promise<void>(resolve => one.payments.once('received', () => resolve()))
  const invoice = await one.payments.refundInvoice(agreement, msat)
  await asked(invoice)
  await Promise.race([received, delay(30_000)])
  await delay(2000)
  await declined('a refund for the second time', asked(invoice))
  if (one.payments.ledger.totals(agreement).refundedMsat > msat) doings.harmed('a debt was paid twice')
}

async function credits(purchase: Purchase, offer: Offer): Promise<void> {
  await one.pay(purchase, 1)
  const left = (await ended(purchase)) - 5n * SAT
  const { channel, id: debt } = purchase
  const [first, second] = [await one.agree(offer, [limit()]), await one.agree(offer, [limit()])]
  const credit = (agreement: Buffer, installment: number, from = debt): Promise<unknown> =>
    channel.request('credit', { agreement, installment, debt: from })
  for (let i = 0; i < 3; i++) await credit(first.id, 0)
  await declined('a credit of a lease that owes nothing', credit(second.id, 0, first.id))
  await declined('a credit of a lease that never was', credit(second.id, 0, randomBytes(32)))
  const whole = await one.payments.refundInvoice(debt, left + 5n * SAT)
  await declined(
    'a refund of what was credited',
    channel.request('refund', { agreement: debt, invoice: whole })
  )
  await channel.request('end', { agreement: first.id, reason: 'enough', counter: null })
}

async function round(offer: Offer): Promise<void> {
  const other = await one.buy(offer, [limit()])
  const counted = await one.buy(offer, [limit()])
  await counters(counted, other)
  await refunds(other)
  await credits(counted, offer)
}

answer({ ready: true })
for (let i = 0; ; i++) {
  const { price, ...offer } = offers[i % offers.length]!
  await round({ ...offer, price: BigInt(price) }).catch(doings.goOn)
  await delay(everyMs)
}
