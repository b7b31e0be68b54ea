import assert from 'node:assert/strict'
import { once as event } from 'node:events'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { DealChannel } from '../../../../src/deal/channel.js'
import type { Payment } from '../../../../src/payment/ledger.js'
import { idOf } from '../../../../src/storage/lease/leases.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { atMessage, openPair, owedLease, settledOf } from './open-pair.js'
import type { DealPair } from './deal-pair.js'
import { STEP } from '../../../../src/payment/payment-state.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'

let pair: DealPair
let close: () => Promise<void>

beforeEach(async () => {
  ;({ pair, close } = await openPair())
})

afterEach(() => close())

/** A latch: work waits at `wait`, `reached` resolves when it does, and `open` lets it continue. */
function latch(): { wait: () => Promise<void>; reached: Promise<void>; open: () => void } {
  let open = (): void => undefined
  let reach = (): void => undefined
  const opened = new Promise<void>(resolve => (open = resolve))
  const reached = new Promise<void>(resolve => (reach = resolve))
  const wait = (): Promise<void> => {
    reach()
    return opened
  }
  return { wait, reached, open: () => open() }
}

const at = <T>(method: string, way: string, then: () => Promise<T>): Promise<T> =>
  atMessage(pair, method, way, then)

function channel(): Promise<DealChannel> {
  return pair.buyer.deals.open(pair.provider.who.device.publicKey)
}

/** Resolves when the ledger of the provider has a refund at that step. */
async function refundIs(step: Payment['step']): Promise<void> {
  for (;;) {
    const [payments] = (await event(pair.provider.payments.ledger, 'written')) as [Payment[]]
    if (payments.some(payment => payment.kind === 'refund' && payment.step === step)) return
  }
}

/** Credits an installment of a new deal from a debt, whatever the records of the buyer say. */
async function creditOne(debt: Buffer): Promise<void> {
  const asking = at('strip', 'answer', async () => {
    const agreement = pair.lease(LEASE.AGREED)
    const asks = await channel()
    await asks.request('credit', { agreement, installment: 0, debt })
  })
  const dealing = pair.deal({ installments: 3 }).catch(() => undefined)
  await asking
  await dealing
}

test('an invoice for a failed refund is not paid when less is owed by then', async () => {
  const first = await owedLease(pair)
  const invoice = await pair.buyer.payments.refundInvoice(first, 2_000n)
  pair.provider.wallet.next = 'fail'
  const asks = await channel()
  const failed = refundIs(STEP.failed)
  await asks.request('refund', { agreement: first, invoice })
  await failed
  await creditOne(first)
  assert.equal(settledOf(pair, first), 1_000n)
  pair.provider.wallet.next = 'settle'
  await assert.rejects(asks.request('refund', { agreement: first, invoice }), { word: 'INVOICE' })
  await pair.leaseManager.close()
  assert.equal(settledOf(pair, first), 1_000n)
})

test('a failed refund is not sent again while an installment is credited from its debt', async () => {
  const first = await owedLease(pair)
  const { wallet, payments, debts } = pair.provider
  const invoice = await pair.buyer.payments.refundInvoice(first, 2_000n)
  const hash = pair.buyer.payments.ledger.payment(first, 0, 'refund')!.hash
  wallet.next = 'pend'
  const asks = await channel()
  const sent = refundIs(STEP.sent)
  await asks.request('refund', { agreement: first, invoice })
  await sent
  await new Promise(resolve => setImmediate(resolve))
  // The refund ends and the creditor asks again, while an installment waits for the lock of the debt.
  wallet.next = 'settle'
  const { wait, reached, open } = latch()
  const asked = latch()
  const question = wallet.payment.bind(wallet)
  let gone: Promise<unknown> = Promise.resolve()
  const asking = at('strip', 'answer', async () => {
    const agreement = pair.lease(LEASE.AGREED) // it becomes bound in a moment
    wallet.finish(hash, 'fail')
    wallet.payment = async of => {
      if (!of.equals(hash)) return question(of)
      wallet.payment = question
      gone = debts.settling(first, wait)
      await reached
      asked.open()
      await crediting
      return question(of)
    }
    await asks.request('refund', { agreement: first, invoice })
    await asked.wait()
    return agreement
  })
  let arrived = (): void => undefined
  const crediting = new Promise<void>(resolve => (arrived = resolve))
  payments.ledger.on('written', (payments: Payment[]) => {
    if (payments.some(({ kind, step }) => kind === 'refund' && step === STEP.failed)) open()
  })
  const dealing = pair.deal({ installments: 3 }).catch(() => undefined)
  const agreement = await asking
  const came = at('credit', 'request', async () => setImmediate(arrived))
  const credited = asks.request('credit', { agreement, installment: 0, debt: first }).catch(() => undefined)
  await came
  await gone
  await credited
  await dealing
  await pair.leaseManager.close()
  assert.ok(settledOf(pair, first) <= 2_000n, `${settledOf(pair, first)} of 2000 msat were paid back`)
})

test('a repeated request for an installment that is being credited gets the same answer', async () => {
  const first = await owedLease(pair)
  // The first installment takes half of the debt; the provider is slow at the second and is asked again
  // meanwhile.
  const { wallet } = pair.provider
  const refuse = wallet.refuse.bind(wallet)
  let installments = 0
  const { wait, open } = latch()
  wallet.refuse = async hash => {
    if (++installments === 2) await wait()
    return refuse(hash)
  }
  let asked = 0
  pair.wire.chooseFault = ({ method, way }) => {
    if (method === 'credit' && way === 'request' && ++asked === 3) setImmediate(open)
    return null
  }
  const second = await pair.deal({ installments: 3 })
  assert.ok(asked >= 3, 'it was asked again')
  assert.equal(settledOf(pair, first), 2_000n)
  await pair.end(second)
  await pair.refund(second)
  await pair.settle()
})

test('a lease that is ended while its seal is checked stays ended', async () => {
  const { wait, reached, open } = latch()
  const seals = pair.shelf.seals.bind(pair.shelf)
  pair.shelf.seals = async id => {
    const mine = await seals(id)
    await wait()
    return mine
  }
  const dealing = pair.deal({ installments: 3 }).catch(() => undefined)
  await reached
  const id = pair.lease(LEASE.ACTIVE)
  await (await channel()).request('end', { agreement: id, reason: 'changed my mind', counter: null })
  open()
  await dealing
  assert.equal(pair.provider.leases.get('provider', id)!.state, 'ENDED')
})

test('an expiry check keeps a lease that began meanwhile on the shelf', async () => {
  const first = await pair.deal({ installments: 3 })
  pair.ahead = 31 * DAY
  await pair.leaseManager.look()
  assert.equal(pair.provider.leases.get('provider', first)!.state, 'GRACE')
  const { wait, reached, open } = latch()
  const drop = pair.shelf.drop.bind(pair.shelf)
  pair.shelf.drop = async id => {
    await wait()
    return drop(id)
  }
  pair.ahead = 60 * DAY
  const looking = pair.leaseManager.look()
  await reached
  pair.ahead = 0
  await pair.buyerLease(first).close('it was served')
  const second = await pair.deal({ installments: 3 })
  open()
  await looking
  assert.ok(pair.shelf.has(idOf(pair.provider.leases.get('provider', second)!)))
})

test('a lease that is ended while other leases are checked stays ended', async () => {
  const first = await pair.deal({ installments: 3 })
  const second = await pair.deal({ installments: 3 })
  pair.ahead = 31 * DAY
  const { wait, reached, open } = latch()
  const silence = pair.shelf.silence.bind(pair.shelf)
  pair.shelf.silence = async id => {
    await wait()
    return silence(id)
  }
  const looking = pair.leaseManager.look()
  await reached
  pair.shelf.silence = silence
  const states = [first, second].map(id => pair.provider.leases.get('provider', id)!.state)
  const other = states[0] === LEASE.STORED ? first : second
  await pair.leaseManager.end(other, 'the disk is worn out')
  open()
  await looking
  assert.equal(pair.provider.leases.get('provider', other)!.state, 'ENDED')
})

test('no installment is credited to a lease that is being ended without being owed back', async () => {
  const first = await pair.deal({ installments: 4 })
  await pair.end(first)
  const second = await pair.deal({ installments: 2 })
  const { debts, wallet, payments } = pair.provider
  const { installment } = payments.ledger.payments(second).at(-1)!
  const { wait, reached, open } = latch()
  const refuse = wallet.refuse.bind(wallet)
  wallet.refuse = async hash => {
    wallet.refuse = refuse
    await wait()
    return refuse(hash)
  }
  const ending = pair.leaseManager.end(second, 'the disk is worn out')
  await reached
  // Its last installment is being refused.
  const asks = await channel()
  const came = at('credit', 'request', () => pause(50))
  const asked = asks.request('credit', { agreement: second, installment, debt: first }).catch(() => undefined)
  await came
  open()
  await ending
  await asked
  const paid = payments.ledger.totals(second).receivedMsat
  assert.equal(debts.get('debtor', second)!.debt.debt.msat, paid - 1_000n, 'all but the minimum charge')
})

test('a strip requested while its lease is ended can no longer be paid', async () => {
  const strip = at('strip', 'request', async () => {
    const id = pair.lease(LEASE.AGREED)
    // The lease is ended while the strip is being written to disk.
    await new Promise(resolve => pair.provider.payments.ledger.once('ahead', resolve))
    await pair.leaseManager.end(id, 'the disk is worn out')
    return id
  })
  const dealing = pair.deal({ installments: 3 }).catch(() => undefined)
  const id = await strip
  await dealing
  const installments = pair.provider.payments.ledger.payments(id)
  assert.ok(installments.length > 0 && installments.every(({ step }) => step === STEP.refused))
})

test('a lease is not given up while its first payment is being sent', async () => {
  let done: Promise<void> | null = null
  pair.buyer.payments.ledger.on('ahead', (payments: Payment[]) => {
    if (payments.some(({ step }) => step === STEP.sent))
      done ??= pair.buyerLease(pair.lease(LEASE.BOUND)).giveUp('it was not started in time', { ask: false })
  })
  await pair.deal({ installments: 3 }).catch(() => undefined)
  await done
  for (const { id, lease } of pair.buyer.leases.list('buyer'))
    assert.ok(
      lease.state !== LEASE.VOID || pair.buyer.payments.ledger.totals(id).paidMsat === 0n,
      'what was paid for is not void'
    )
})

test('a lease that is given up while its first payment is prepared is not paid', async () => {
  await owedLease(pair)
  const { debts, payments, leases } = pair.buyer
  // No installment is credited from the debt, and the lease is given up before it is paid.
  pair.provider.debts.get = () => null
  const answered = debts.answered.bind(debts)
  let id: Buffer | null = null
  debts.answered = async listed => {
    await answered(listed)
    if (id) return
    id = pair.lease(LEASE.BOUND)
    await pair.buyerLease(id).giveUp('it was not started in time', { ask: false })
  }
  await pair.deal({ installments: 3 }).catch(() => undefined)
  assert.equal(leases.get('buyer', id!)!.state, 'VOID')
  assert.equal(payments.ledger.totals(id!).paidMsat, 0n)
})

test("a provider's debt is accepted even for an installment that was credited without our knowledge", async () => {
  await owedLease(pair)
  // What is owed back of a sat would be less than a payment can be.
  Object.assign(pair.policy, { firstInstallmentMsat: 2_000n, maxInstallmentMsat: 2_000n })
  let id: Buffer | null = null
  // The lease is ended while its first installment is being credited, and the answer is lost.
  const ended = new Promise<void>((resolve, reject) => {
    pair.wire.chooseFault = ({ method, way }) => {
      if (method === 'strip' && way === 'answer' && !id) {
        id = pair.lease(LEASE.AGREED)
        pair.buyerLease(id).end('the owner ended it').then(resolve, reject)
      }
      if (method === 'end' && way === 'request') return 'reordered'
      return method === 'credit' && way === 'answer' ? 'lost' : null
    }
  })
  const dealing = pair.deal({ installments: 3, minChargeMsat: 1n }).catch(() => undefined)
  await ended
  pair.wire.endFaults()
  await dealing
  const debt = pair.provider.debts.get('debtor', id!)!.debt
  assert.deepEqual(pair.buyer.debts.get('creditor', id!)?.debt, debt)
  assert.equal(pair.buyer.payments.ledger.totals(id!).paidMsat, 2_000n)
})

test('a lease that is given up while its strip is on the way is not bound', async () => {
  let id: Buffer | null = null
  pair.wire.chooseFault = ({ method, way }) => {
    if (method !== 'strip' || way !== 'answer' || id) return null
    id = pair.lease(LEASE.AGREED)
    void pair.buyerLease(id).giveUp('it was not started in time', { ask: false })
    return null
  }
  await pair.deal({ installments: 3 })
  assert.equal(pair.buyer.leases.get('buyer', id!)!.state, 'VOID')
  assert.equal(pair.buyer.payments.ledger.totals(id!).paidMsat, 0n)
})

test('a lease that is given up while its seal is answered is not stored', async () => {
  let id: Buffer | null = null
  const given = at('seal', 'answer', async () => {
    id = pair.lease(LEASE.ACTIVE)
    await pair.buyerLease(id).giveUp('the owner wants no more of it', { ask: false })
  })
  await pair.deal({ installments: 3 }).catch(() => undefined)
  await given
  assert.equal(pair.buyer.leases.get('buyer', id!)!.state, 'ENDED')
})

test('a lease that has ended is not given up again', async () => {
  const id = await owedLease(pair)
  const before = pair.buyer.leases.get('buyer', id)!
  await pair.buyerLease(id).giveUp('its provider is silent', { ask: false })
  await pair.buyerLease(id).close('it ran out')
  assert.deepEqual(pair.buyer.leases.get('buyer', id), before)
})

test('a bid that is withdrawn while it is being filled is not filled later', async () => {
  const { mirrors, listener } = pair
  const stop = new AbortController()
  const job = await mirrors.setBid(
    await mirrors.prepare(pair.request(1), listener, stop.signal),
    Buffer.alloc(32, 9)
  )
  const withdrawn = at('quote', 'answer', () => mirrors.setBid(job, null))
  pair.buyer.payments.reach = () => {
    stop.abort(new Error('the node stops'))
    return Promise.resolve(0n)
  }
  await assert.rejects(mirrors.place(job, listener, stop.signal), /the node stops/)
  await withdrawn
  assert.deepEqual([...mirrors.bids()], [])
})
