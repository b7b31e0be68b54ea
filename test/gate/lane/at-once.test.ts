import assert from 'node:assert/strict'
import { once as event } from 'node:events'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { DealChannel } from '../../../src/deal/channel.js'
import type { Payment } from '../../../src/payment/ledger.js'
import { idOf } from '../../../src/storage/lease/leases.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { atMessage, openLane, settledOf } from './open-lane.js'
import type { Lane } from './lane.js'

let lane: Lane
let close: () => Promise<void>

beforeEach(async () => {
  ;({ lane, close } = await openLane())
})

afterEach(() => close())

/** An ended lease for which two installments are owed back. */
async function owed(): Promise<Buffer> {
  const lease = await lane.deal({ installments: 3 })
  await lane.end(lease)
  return lease
}

const settled = (lease: Buffer): bigint => settledOf(lane, lease)

/** A latch: work waits at `wait`, `reached` resolves when it does, and `open` lets it continue. */
function door(): { wait: () => Promise<void>; reached: Promise<void>; open: () => void } {
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
  atMessage(lane, method, way, then)

function channel(): Promise<DealChannel> {
  return lane.buyer.deals.open(lane.provider.who.device.publicKey)
}

/** Resolves when the ledger of the provider has a refund at that step. */
async function refundIs(step: Payment['step']): Promise<void> {
  for (;;) {
    const [payments] = (await event(lane.provider.payments.ledger, 'written')) as [Payment[]]
    if (payments.some(payment => payment.kind === 'refund' && payment.step === step)) return
  }
}

/** Credits an installment of a new deal from a debt, whatever the records of the buyer say. */
async function creditOne(debt: Buffer): Promise<void> {
  const asking = at('strip', 'answer', async () => {
    const agreement = lane.lease('AGREED')
    const asks = await channel()
    await asks.request('credit', { agreement, installment: 0, debt })
  })
  const dealing = lane.deal({ installments: 3 }).catch(() => undefined)
  await asking
  await dealing
}

test('an invoice for a failed refund is not paid when less is owed by then', async () => {
  const first = await owed()
  const invoice = await lane.buyer.payments.refundInvoice(first, 2_000n)
  lane.provider.purse.next = 'fail'
  const asks = await channel()
  const failed = refundIs('failed')
  await asks.request('refund', { agreement: first, invoice })
  await failed
  await creditOne(first)
  assert.equal(settled(first), 1_000n)
  lane.provider.purse.next = 'settle'
  await asks.request('refund', { agreement: first, invoice })
  await lane.leaseManager.close()
  assert.equal(settled(first), 1_000n)
})

test('a failed refund is not sent again while an installment is credited from its debt', async () => {
  const first = await owed()
  const { purse, payments, debts } = lane.provider
  const invoice = await lane.buyer.payments.refundInvoice(first, 2_000n)
  const hash = lane.buyer.payments.ledger.payment(first, 0, 'refund')!.hash
  purse.next = 'pend'
  const asks = await channel()
  const sent = refundIs('sent')
  await asks.request('refund', { agreement: first, invoice })
  await sent
  await new Promise(resolve => setImmediate(resolve))
  // The refund ends and the creditor asks again, while an installment waits for the lock of the debt.
  purse.next = 'settle'
  const { wait, reached, open } = door()
  const asked = door()
  const question = purse.payment.bind(purse)
  let gone: Promise<unknown> = Promise.resolve()
  const asking = at('strip', 'answer', async () => {
    const agreement = lane.lease('AGREED') // it becomes bound in a moment
    purse.finish(hash, 'fail')
    purse.payment = async of => {
      if (!of.equals(hash)) return question(of)
      purse.payment = question
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
    if (payments.some(({ kind, step }) => kind === 'refund' && step === 'failed')) open()
  })
  const dealing = lane.deal({ installments: 3 }).catch(() => undefined)
  const agreement = await asking
  const came = at('credit', 'request', async () => setImmediate(arrived))
  const credited = asks.request('credit', { agreement, installment: 0, debt: first }).catch(() => undefined)
  await came
  await gone
  await credited
  await dealing
  await lane.leaseManager.close()
  assert.ok(settled(first) <= 2_000n, `${settled(first)} of 2000 msat were paid back`)
})

test('a repeated request for an installment that is being credited gets the same answer', async () => {
  const first = await owed()
  // The first installment takes half of the debt; the provider is slow at the second and is asked again
  // meanwhile.
  const { purse } = lane.provider
  const refuse = purse.refuse.bind(purse)
  let installments = 0
  const { wait, open } = door()
  purse.refuse = async hash => {
    if (++installments === 2) await wait()
    return refuse(hash)
  }
  let asked = 0
  lane.wire.fate = ({ method, way }) => {
    if (method === 'credit' && way === 'request' && ++asked === 3) setImmediate(open)
    return null
  }
  const second = await lane.deal({ installments: 3 })
  assert.ok(asked >= 3, 'it was asked again')
  assert.equal(settled(first), 2_000n)
  await lane.end(second)
  await lane.refund(second)
  await lane.settle()
})

test('a lease that is ended while its seal is checked stays ended', async () => {
  const { wait, reached, open } = door()
  const seals = lane.shelf.seals.bind(lane.shelf)
  lane.shelf.seals = async id => {
    const mine = await seals(id)
    await wait()
    return mine
  }
  const dealing = lane.deal({ installments: 3 }).catch(() => undefined)
  await reached
  const id = lane.lease('ACTIVE')
  await (await channel()).request('end', { agreement: id, reason: 'changed my mind', counter: null })
  open()
  await dealing
  assert.equal(lane.provider.leases.get('provider', id)!.state, 'ENDED')
})

test('an expiry check keeps a lease that began meanwhile on the shelf', async () => {
  const first = await lane.deal({ installments: 3 })
  lane.ahead = 31 * DAY
  await lane.leaseManager.look()
  assert.equal(lane.provider.leases.get('provider', first)!.state, 'GRACE')
  const { wait, reached, open } = door()
  const drop = lane.shelf.drop.bind(lane.shelf)
  lane.shelf.drop = async id => {
    await wait()
    return drop(id)
  }
  lane.ahead = 60 * DAY
  const looking = lane.leaseManager.look()
  await reached
  lane.ahead = 0
  await lane.copy(first).close('it was served')
  const second = await lane.deal({ installments: 3 })
  open()
  await looking
  assert.ok(lane.shelf.has(idOf(lane.provider.leases.get('provider', second)!)))
})

test('a lease that is ended while other leases are checked stays ended', async () => {
  const first = await lane.deal({ installments: 3 })
  const second = await lane.deal({ installments: 3 })
  lane.ahead = 31 * DAY
  const { wait, reached, open } = door()
  const silence = lane.shelf.silence.bind(lane.shelf)
  lane.shelf.silence = async id => {
    await wait()
    return silence(id)
  }
  const looking = lane.leaseManager.look()
  await reached
  lane.shelf.silence = silence
  const states = [first, second].map(id => lane.provider.leases.get('provider', id)!.state)
  const other = states[0] === 'STORED' ? first : second
  await lane.leaseManager.end(other, 'the disk is worn out')
  open()
  await looking
  assert.equal(lane.provider.leases.get('provider', other)!.state, 'ENDED')
})

test('no installment is credited to a lease that is being ended without being owed back', async () => {
  const first = await lane.deal({ installments: 4 })
  await lane.end(first)
  const second = await lane.deal({ installments: 2 })
  const { debts, purse, payments } = lane.provider
  const { installment } = payments.ledger.payments(second).at(-1)!
  const { wait, reached, open } = door()
  const refuse = purse.refuse.bind(purse)
  purse.refuse = async hash => {
    purse.refuse = refuse
    await wait()
    return refuse(hash)
  }
  const ending = lane.leaseManager.end(second, 'the disk is worn out')
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
    const id = lane.lease('AGREED')
    // The lease is ended while the strip is being written to disk.
    await new Promise(resolve => lane.provider.payments.ledger.once('ahead', resolve))
    await lane.leaseManager.end(id, 'the disk is worn out')
    return id
  })
  const dealing = lane.deal({ installments: 3 }).catch(() => undefined)
  const id = await strip
  await dealing
  const installments = lane.provider.payments.ledger.payments(id)
  assert.ok(installments.length > 0 && installments.every(({ step }) => step === 'refused'))
})

test('a lease is not given up while its first payment is being sent', async () => {
  let done: Promise<void> | null = null
  lane.buyer.payments.ledger.on('ahead', (payments: Payment[]) => {
    if (payments.some(({ step }) => step === 'sent'))
      done ??= lane.copy(lane.lease('BOUND')).giveUp('it was not started in time', { ask: false })
  })
  await lane.deal({ installments: 3 }).catch(() => undefined)
  await done
  for (const { id, lease } of lane.buyer.leases.list('buyer'))
    assert.ok(
      lease.state !== 'VOID' || lane.buyer.payments.ledger.totals(id).paidMsat === 0n,
      'what was paid for is not void'
    )
})

test('a lease that is given up while its first payment is prepared is not paid', async () => {
  await owed()
  const { debts, payments, leases } = lane.buyer
  // No installment is credited from the debt, and the lease is given up before it is paid.
  lane.provider.debts.get = () => null
  const answered = debts.answered.bind(debts)
  let id: Buffer | null = null
  debts.answered = async listed => {
    await answered(listed)
    if (id) return
    id = lane.lease('BOUND')
    await lane.copy(id).giveUp('it was not started in time', { ask: false })
  }
  await lane.deal({ installments: 3 }).catch(() => undefined)
  assert.equal(leases.get('buyer', id!)!.state, 'VOID')
  assert.equal(payments.ledger.totals(id!).paidMsat, 0n)
})

test("a provider's debt is accepted even for an installment that was credited without our knowledge", async () => {
  await owed()
  let id: Buffer | null = null
  // The lease is ended while its first installment is being credited, and the answer is lost.
  const ended = new Promise<void>((resolve, reject) => {
    lane.wire.fate = ({ method, way }) => {
      if (method === 'strip' && way === 'answer' && !id) {
        id = lane.lease('AGREED')
        lane.copy(id).end('the owner ended it').then(resolve, reject)
      }
      if (method === 'end' && way === 'request') return 'reordered'
      return method === 'credit' && way === 'answer' ? 'lost' : null
    }
  })
  const dealing = lane.deal({ installments: 3, minChargeMsat: 1n }).catch(() => undefined)
  await ended
  lane.wire.rest()
  await dealing
  const debt = lane.provider.debts.get('debtor', id!)!.debt
  assert.deepEqual(lane.buyer.debts.get('creditor', id!)?.debt, debt)
  assert.equal(lane.buyer.payments.ledger.totals(id!).paidMsat, 1_000n)
})

test('a lease that is given up while its strip is on the way is not bound', async () => {
  let id: Buffer | null = null
  lane.wire.fate = ({ method, way }) => {
    if (method !== 'strip' || way !== 'answer' || id) return null
    id = lane.lease('AGREED')
    void lane.copy(id).giveUp('it was not started in time', { ask: false })
    return null
  }
  await lane.deal({ installments: 3 })
  assert.equal(lane.buyer.leases.get('buyer', id!)!.state, 'VOID')
  assert.equal(lane.buyer.payments.ledger.totals(id!).paidMsat, 0n)
})

test('a bid that is withdrawn while it is being filled is not filled later', async () => {
  const { mirrors, listener } = lane
  const stop = new AbortController()
  const job = await mirrors.setBid(
    await mirrors.prepare(lane.request(1), listener, stop.signal),
    Buffer.alloc(32, 9)
  )
  const withdrawn = at('quote', 'answer', () => mirrors.setBid(job, null))
  lane.buyer.payments.reach = () => {
    stop.abort(new Error('the node stops'))
    return Promise.resolve()
  }
  await assert.rejects(mirrors.place(job, listener, stop.signal), /the node stops/)
  await withdrawn
  assert.deepEqual([...mirrors.bids()], [])
})
