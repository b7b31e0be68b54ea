import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, beforeEach, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { NoiseStream } from 'hyperdht'
import type { KeyPair } from 'hypercore-crypto'
import type { Lease, Notice, SignedDebt, SignedNotice } from '#spec'
import { sign } from '../../../../contracts/keys/signature.js'
import type { Counterparty } from '../../../../src/deal/channel.js'
import { DeclineError } from '../../../../src/deal/decline.js'
import { Inbox } from '../../../../src/storage/notices/inbox.js'
import { NOTICE } from '../../../../src/storage/notices/notice.js'
import { STEP } from '../../../../src/payment/payment-state.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { heardNoticeTable, outgoingNoticeTable } from '../../../../src/storage/tables.js'
import { person } from '../../../samples/people.js'
import type { DealPair } from './deal-pair.js'
import { openPair } from './open-pair.js'

let pair: DealPair
let close: () => Promise<void>

beforeEach(async () => {
  ;({ pair, close } = await openPair())
})

afterEach(() => close())

function bought(id: Buffer): Lease {
  return pair.buyer.leases.get('buyer', id)!
}

/** A stored lease of which every payment is acknowledged, on disk. */
async function stored(): Promise<Buffer> {
  const id = await pair.deal({ installments: 3 })
  await receipts(id)
  return id
}

async function receipts(id: Buffer): Promise<void> {
  const { ledger } = pair.buyer.payments
  const isOpen = (): boolean =>
    ledger.payments(id).some(({ step }) => step === STEP.paid || step === STEP.applied)
  while (isOpen()) await once(ledger, 'written')
}

/** What the provider has still to say. */
function unheard(): number {
  return pair.provider.store.table(outgoingNoticeTable).count
}

/** Resolves when the provider knows that all it had to say was heard. */
async function acknowledged(): Promise<void> {
  while (unheard() > 0) await turn()
}

function closed(stream: NoiseStream): Promise<void> {
  return new Promise(resolve => stream.once('close', () => resolve()))
}

/** The buyer connects to the provider anew. */
async function meet(): Promise<void> {
  const [stream] = pair.buyer.network.streams
  const parted = stream && closed(stream)
  pair.disconnect()
  await parted
  await pair.buyer.deals.open(pair.provider.who.device.publicKey)
}

async function paidBack(id: Buffer): Promise<void> {
  await pair.refund(id)
  await pair.settle()
  assert.ok(pair.buyer.debts.get('creditor', id)!.settledMsat > 0n)
}

test('a buyer that is connected hears at once that its provider ends the lease', async () => {
  const id = await stored()
  const heard = once(pair.notices, 'ended')
  await pair.leaseManager.end(id, 'the disk \u202eis gone')
  await heard
  const { state, reason } = bought(id)
  assert.equal(state, LEASE.ENDED)
  assert.equal(reason, 'the provider ended it, and says: the disk is gone')
  assert.equal(pair.buyer.debts.get('creditor', id)!.leftMsat, 2_000n)
  await acknowledged()
  await paidBack(id)
})

test('a buyer that was away hears it at the next meeting, also from a provider that was stopped meanwhile', async () => {
  const id = await stored()
  let asked = 0
  pair.wire.chooseFault = ({ method, way }) => {
    if (method !== 'notice' || way !== 'request') return null
    asked++
    return 'cut'
  }
  // What arrives in spite of it is not taken.
  const hear = pair.notices.hear.bind(pair.notices)
  const tried = new Promise<void>(resolve => {
    pair.notices.hear = () => {
      resolve()
      return new Promise(() => undefined)
    }
  })
  await pair.leaseManager.end(id, 'ended by the provider')
  await tried
  await pair.restart()
  assert.deepEqual([bought(id).state, unheard(), asked], [LEASE.STORED, 1, 1])
  pair.wire.chooseFault = () => null
  pair.notices.hear = hear
  const heard = once(pair.notices, 'ended')
  await meet()
  await heard
  assert.equal(bought(id).state, LEASE.ENDED)
  await acknowledged()
  await paidBack(id)
})

test('a buyer that is only connected is greeted and told', async () => {
  const id = await stored()
  pair.wire.chooseFault = ({ method, way }) => (method === 'notice' && way === 'request' ? 'cut' : null)
  const parted = closed(pair.provider.network.streams[0]!)
  pair.notices.hear = () => new Promise(() => undefined)
  await pair.leaseManager.end(id, 'ended by the provider')
  await parted
  pair.wire.chooseFault = () => null
  pair.notices.hear = Inbox.prototype.hear.bind(pair.notices)
  const heard = once(pair.notices, 'ended')
  await pair.buyer.network.connect(pair.provider.who.device.publicKey, 5_000)
  await heard
  await acknowledged()
})

for (const faultKind of ['lost', 'duplicated', 'replayed', 'late', 'cut'] as const)
  for (const way of ['request', 'answer'] as const)
    test(`a notice is heard once when its ${way} is ${faultKind}`, async () => {
      const id = await stored()
      pair.wire.arm({ method: 'notice', way, faultKind })
      const armed = pair.wire.chooseFault
      const hit = new Promise<void>(resolve => {
        pair.wire.chooseFault = message => {
          const fault = armed(message)
          if (fault) resolve()
          return fault
        }
      })
      const debts: unknown[] = []
      pair.notices.on('ended', () => debts.push(pair.buyer.debts.get('creditor', id)))
      await pair.leaseManager.end(id, 'ended by the provider')
      await hit
      if (faultKind === 'duplicated' || faultKind === 'replayed') await acknowledged()
      pair.wire.endFaults()
      await meet()
      await acknowledged()
      await pair.wire.lateArrived()
      assert.equal(bought(id).state, LEASE.ENDED)
      assert.equal(debts.length, 1, 'the end of a lease is told once')
      await paidBack(id)
    })

test('a lease that follows is over with the one before it, and both are paid back', async () => {
  const id = await stored()
  const next = await pair.extend(id)
  await Promise.all([receipts(id), receipts(next)])
  await pair.leaseManager.end(id, 'ended by the provider')
  await acknowledged()
  assert.deepEqual([bought(id).state, bought(next).state], [LEASE.ENDED, LEASE.ENDED])
  await paidBack(id)
  await paidBack(next)
})

test('what a buyer declines is said again at the next meeting, and keeps nothing else from being said', async () => {
  await stored()
  await stored()
  const [first, second] = [...pair.buyer.leases.list('buyer')].map(({ id }) => id) as [Buffer, Buffer]
  await Promise.all([receipts(first), receipts(second)])
  const hear = pair.notices.hear.bind(pair.notices)
  const told: string[] = []
  pair.notices.hear = (signed, peer) => {
    const isFirst = signed.notice.agreement!.equals(first)
    told.push(isFirst ? 'first' : 'second')
    if (isFirst) throw new DeclineError('NO_AGREEMENT', 'it has forgotten')
    return hear(signed, peer)
  }
  await pair.leaseManager.end(first, 'ended by the provider')
  while (told.length === 0) await turn()
  await pair.leaseManager.end(second, 'ended by the provider')
  while (unheard() > 1) await turn()
  assert.deepEqual([bought(first).state, bought(second).state], [LEASE.STORED, LEASE.ENDED])
  pair.notices.hear = hear
  await meet()
  await acknowledged()
  assert.equal(bought(first).state, LEASE.ENDED)
  await paidBack(first)
  await paidBack(second)
})

test('a buyer that ends a lease itself is not told', async () => {
  const id = await stored()
  pair.notices.hear = () => assert.fail('it is told')
  await pair.end(id)
  assert.equal(unheard(), 0)
  await paidBack(id)
})

test('an end that its buyer has learnt of by an audit is not told again', async () => {
  const id = await stored()
  pair.wire.chooseFault = ({ method }) => (method === 'notice' ? 'lost' : null)
  await pair.leaseManager.end(id, 'ended by the provider')
  await pair.buyerLease(id).giveUp('it says so')
  assert.equal(unheard(), 0)
  await paidBack(id)
})

test('while a payment is under way the provider is asked what it has received', async () => {
  const id = await stored()
  const { wallet, payments } = pair.buyer
  let sent: Buffer | null = null
  const paid = new Promise<void>(resolve => {
    wallet.onpay = async hash => {
      wallet.next = 'pend'
      sent = hash
      resolve()
    }
  })
  const paying = pair.buyerLease(id).payNext(new AbortController().signal)
  await paid
  const heard = once(pair.notices, 'ended')
  await pair.leaseManager.end(id, 'ended by the provider')
  await heard
  assert.equal(bought(id).state, LEASE.LAPSING)
  wallet.finish(sent!, 'fail')
  await assert.rejects(paying)
  await payments.reconcile()
  await paidBack(id)
  assert.equal(bought(id).state, LEASE.ENDED)
})

// What a provider should not send

function noticeOf(agreement: Buffer, part: Partial<Notice> = {}, by?: KeyPair): SignedNotice {
  const notice: Notice = { agreement, n: 1, kind: NOTICE.ended, at: Date.now(), text: 'it says', ...part }
  return { notice, signature: sign('notice', notice, by ?? pair.provider.who.device) }
}

/** The provider as the buyer has met it. */
function provider(): Counterparty {
  const { who, wallet } = pair.provider
  return { device: who.device.publicKey, identity: who.identity, lightning: wallet.nodeId, address: null }
}

function debtOf(agreement: Buffer, msat: bigint): SignedDebt {
  const debt = { agreement, msat, at: Date.now() }
  return { debt, signature: sign('debt', debt, pair.provider.who.device) }
}

test('a notice of another device, of an unknown lease, or that its provider has not signed changes nothing', async () => {
  const id = await stored()
  const [stranger] = await person()
  const other = { ...provider(), device: stranger!.device.publicKey }
  const hear = (signed: SignedNotice, from = provider()) => pair.notices.hear(signed, from)
  await assert.rejects(hear(noticeOf(id, {}, stranger!.device), other), { word: 'NO_AGREEMENT' })
  await assert.rejects(hear(noticeOf(id), other), { word: 'NO_AGREEMENT' }, 'one that was handed on')
  await assert.rejects(hear(noticeOf(randomBytes(32))), { word: 'NO_AGREEMENT' })
  await assert.rejects(hear(noticeOf(id, {}, stranger!.device)), { word: 'SIGNATURE' })
  const { notice, signature } = noticeOf(id, { kind: 7 })
  await assert.rejects(hear({ notice: { ...notice, kind: NOTICE.ended }, signature }), { word: 'SIGNATURE' })
  assert.equal(bought(id).state, LEASE.STORED)
  assert.equal(pair.buyer.store.table(heardNoticeTable).count, 0)
})

test('a notice of a kind that is not known is kept as the newest, and forgotten with the lease', async () => {
  const id = await stored()
  const hear = (part: Partial<Notice>) => pair.notices.hear(noticeOf(id, part), provider())
  const kept = (): Notice | undefined => pair.buyer.store.table(heardNoticeTable).get(id)?.notice
  assert.deepEqual((await hear({ kind: 7, n: 5, text: 'I leave in May' })).body, { ok: 1 })
  await hear({ kind: 7, n: 5, text: 'the same number' })
  assert.equal(kept()!.text, 'I leave in May')
  await assert.rejects(hear({ n: 4 }), { word: 'NOTICE' }, 'an older one')
  await hear({ kind: 8, n: 6, text: 'I leave in June' })
  assert.equal(kept()!.text, 'I leave in June')
  await assert.rejects(hear({ kind: 7, n: 7, text: 'x'.repeat(257) }), { word: 'NOTICE' })
  assert.equal(bought(id).state, LEASE.STORED)
  await pair.end(id)
  assert.equal(kept(), undefined)
  assert.deepEqual((await hear({ n: 9 })).body, { ok: 1 }, 'it is over already')
  assert.equal(bought(id).reason, 'the owner ended it')
})

test('a provider that says more than a few things of a lease is declined for a while', async () => {
  const id = await stored()
  const hear = (n: number) => pair.notices.hear(noticeOf(id, { kind: 7, n }), provider())
  for (let n = 1; n <= 8; n++) await hear(n)
  await assert.rejects(hear(9), { word: 'NOTICE', message: /too many/ })
})

test('a provider that signs too small a debt with the end of a lease is remembered for it', async () => {
  const id = await stored()
  await pair.notices.hear(noticeOf(id, { debt: debtOf(id, 1_000n), text: 'so\nlong\u202e' }), provider())
  assert.equal(bought(id).state, LEASE.ENDED)
  assert.match(
    bought(id).reason!,
    /^the provider ended it, and says: so long\ufffd; it owes 2 sat and signs a debt of 1 sat$/
  )
  assert.equal(pair.buyer.debts.get('creditor', id)!.leftMsat, 1_000n)
  assert.equal(pair.buyer.deals.experiences.of(provider().identity)!.bad, 1)
})

test('a provider whose notice has the debt of another lease, none or too large a one is asked for the end', async () => {
  for (const debt of [debtOf(randomBytes(32), 2_000n), null, 'large'] as const) {
    const id = await stored()
    const signed = debt === 'large' ? debtOf(id, 9_000n) : debt
    await pair.notices.hear(noticeOf(id, { debt: signed }), provider())
    assert.deepEqual([bought(id).state, pair.buyer.debts.get('creditor', id)], [LEASE.LAPSING, null])
    await paidBack(id)
    assert.equal(bought(id).state, LEASE.ENDED)
    assert.equal(bought(id).reason, 'the provider ended it, and says: it says')
  }
})

test('what the owner has ended stays ended by the owner when its provider says that it did', async () => {
  const id = await stored()
  pair.wire.chooseFault = ({ method }) => (method === 'end' ? 'lost' : null)
  await pair.buyerLease(id).giveUp('the owner ended it')
  assert.equal(bought(id).state, LEASE.LAPSING)
  await pair.notices.hear(noticeOf(id, { debt: debtOf(id, 2_000n) }), provider())
  assert.deepEqual([bought(id).state, bought(id).reason], [LEASE.ENDED, 'the owner ended it'])
})
