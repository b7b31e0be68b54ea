import assert from 'node:assert/strict'
import { once as event } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import type { DealChannel } from '../../src/deal/channel.js'
import type { Payment } from '../../src/payment/ledger.js'
import { Lane } from './lane.js'

let dir: string
let testnet: Testnet
let lane: Lane

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bushel-at-once-'))
  testnet = await createTestnet(2, { host: '127.0.0.1' })
  lane = await Lane.open(join(dir, 'lane'), testnet.bootstrap)
})

afterEach(async () => {
  await lane.close()
  await testnet.destroy()
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
})

/** A lease that has ended, for which two slices are owed back. */
async function owed(): Promise<Buffer> {
  const lease = await lane.deal({ slices: 3 })
  await lane.end(lease)
  return lease
}

/** What the provider has settled of a debt, by refund and by credit, msat. */
function settled(lease: Buffer): bigint {
  const { ledger } = lane.provider.teller
  return ledger.totals(lease).refundedMsat + ledger.creditOf(lease)
}

/** Resolves when the next message of that kind has come in, with what `then` made of it at once. */
function at<T>(method: string, way: string, then: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    lane.wire.fate = message => {
      if (message.method !== method || message.way !== way) return null
      lane.wire.fate = () => null
      then().then(resolve, reject)
      return null
    }
  })
}

function channel(): Promise<DealChannel> {
  return lane.buyer.deals.open(lane.provider.who.device.publicKey)
}

/** Resolves when the ledger of the provider has a refund at that step. */
async function refundIs(step: Payment['step']): Promise<void> {
  for (;;) {
    const [payments] = (await event(lane.provider.teller.ledger, 'written')) as [Payment[]]
    if (payments.some(payment => payment.kind === 'refund' && payment.step === step)) return
  }
}

/** Has a slice of a new deal settled from a debt, whatever the books of the buyer say. */
async function creditOne(debt: Buffer): Promise<void> {
  const asking = at('strip', 'answer', async () => {
    const asks = await channel()
    await asks.request('credit', { agreement: lane.lease('AGREED'), epoch: 0, debt })
  })
  const dealing = lane.deal({ slices: 3 }).catch(() => undefined)
  await asking
  await dealing
}

test('an invoice for a refund that failed is not paid when less is owed by then', async () => {
  const first = await owed()
  const invoice = await lane.buyer.teller.refundInvoice(first, 2_000n)
  lane.provider.purse.next = 'fail'
  const asks = await channel()
  const failed = refundIs('failed')
  await asks.request('refund', { agreement: first, invoice })
  await failed
  await creditOne(first)
  assert.equal(settled(first), 1_000n)
  lane.provider.purse.next = 'settle'
  await asks.request('refund', { agreement: first, invoice })
  await lane.keeper.close()
  assert.equal(settled(first), 1_000n)
})
