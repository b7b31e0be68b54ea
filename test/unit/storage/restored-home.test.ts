import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lease, SignedCounter } from '#spec'
import type { Leases } from '../../../src/storage/lease/leases.js'
import type { Payments } from '../../../src/payment/payments.js'
import { takeOver } from '../../../src/storage/buyer/restored-home.js'

const PEER = {
  device: Buffer.alloc(32, 1),
  identity: Buffer.alloc(32, 2),
  lightning: Buffer.alloc(33, 3),
  address: null
}
const AGREEMENT = Buffer.alloc(32, 4)
const COUNTER: SignedCounter = {
  counter: { agreement: AGREEMENT, n: 7, paidMsat: 35_000n, servedUntil: 1, egressBytes: 0 }
}

/** Records what is done to money and leases. */
function recorder(): { did: string[]; payments: Payments; leases: Leases } {
  const did: string[] = []
  const payments = {
    takeOver: (_agreement: Buffer, paidMsat: bigint, _lists: unknown, side: string) =>
      Promise.resolve(void did.push(`${side} takes over ${paidMsat}`))
  }
  const leases = {
    lists: () => [],
    get: () => ({ state: 'ENDED' }),
    save: (lease: Lease) =>
      Promise.resolve(void did.push(`counter ${lease.counter?.counter.n} is kept, ${lease.state}`))
  }
  return { did, payments: payments as unknown as Payments, leases: leases as unknown as Leases }
}

const forgotten = {
  role: 'buyer',
  isEarlier: false,
  agreement: AGREEMENT,
  counter: COUNTER,
  knownMsat: 15_000n
} as const

test('with real sats an older copy of a home only raises a loud alarm and stops dealing with that peer', async () => {
  const { did, payments, leases } = recorder()
  const alarms: string[] = []
  const onalarm = (alarm: string): void => void alarms.push(alarm)
  const work = takeOver({ payments, leases, abandon: null, onalarm }, PEER, [
    { ...forgotten, lease: {} as Lease }
  ])
  await assert.rejects(work, { code: 'OLD_HOME' })
  assert.deepEqual(did, [])
  assert.equal(alarms.length, 1)
  assert.match(alarms[0]!, /^THIS HOME IS AN OLDER COPY/)
})

test('with play money the channel is given up before the co-signed state is taken over, and ended leases stay ended', async () => {
  const { did, payments, leases } = recorder()
  const abandon = (nodeId: Buffer, { id, deltaMsat }: { id: string; deltaMsat: bigint }): Promise<void> =>
    Promise.resolve(void did.push(`${nodeId[0]} given up for ${id.slice(-2)}, ${deltaMsat}`))
  const alarms: string[] = []
  await takeOver({ payments, leases, abandon, onalarm: alarm => void alarms.push(alarm) }, PEER, [
    { ...forgotten, lease: {} as Lease }
  ])
  assert.deepEqual(did, ['3 given up for /7, -20000', 'payer takes over 35000', 'counter 7 is kept, ENDED'])
  assert.match(alarms[0]!, /20 sat more had been paid/)
})

test('for a lease unknown to the copy only the balance is taken over', async () => {
  const { did, payments, leases } = recorder()
  const abandon = (): Promise<void> => Promise.resolve(void did.push('given up'))
  await takeOver({ payments, leases, abandon, onalarm: () => undefined }, PEER, [
    { ...forgotten, lease: null }
  ])
  assert.deepEqual(did, ['given up'])
})

test('what an earlier device of the buyer has signed is added without an alarm, and no channel is given up', async () => {
  const { did, payments, leases } = recorder()
  const abandon = (): Promise<void> => Promise.resolve(void did.push('given up'))
  const onalarm = (alarm: string): void => void did.push(alarm)
  const earlier = { ...forgotten, isEarlier: true, lease: {} as Lease }
  for (const wallet of [abandon, null])
    await takeOver({ payments, leases, abandon: wallet, onalarm }, PEER, [earlier])
  const once = ['payer takes over 35000', 'counter 7 is kept, ENDED']
  assert.deepEqual(did, [...once, ...once])
})
