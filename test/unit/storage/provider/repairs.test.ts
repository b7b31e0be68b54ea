import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import type { Lease, Ticket } from '#spec'
import { sign } from '../../../../contracts/keys/signature.js'
import { billedBytes } from '../../../../contracts/money/money.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import { nullLogger } from '../../../../src/base/logger.js'
import type { Counterparty, DealChannel } from '../../../../src/deal/channel.js'
import type { Deals } from '../../../../src/deal/deals.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import type { Leases } from '../../../../src/storage/lease/leases.js'
import { TIMEOUTS } from '../../../../src/storage/lease/timeouts.js'
import type { Intake } from '../../../../src/storage/provider/intake.js'
import { Repairs } from '../../../../src/storage/provider/repairs.js'
import type { LeaseFiles } from '../../../../src/storage/shelf/lease-files.js'
import { LeaseHolder } from '../../../../src/storage/shelf/lease-holder.js'
import { RepairHolder } from '../../../../src/storage/shelf/repair-holder.js'
import { leaseTerms, partiesOf } from '../../../samples/evidence/parties.js'
import { person } from '../../../samples/people.js'

const NOW = Date.UTC(2030, 0, 1)

/** A provider with one stored lease, another provider that repairs, and the buyer of both. */
async function providers() {
  const [[buyer], [source], [other]] = await Promise.all([person(), person(), person()])
  const terms = leaseTerms({ ...partiesOf(buyer!, source!), countersignBy: NOW })
  const lease = { role: 'provider', state: LEASE.STORED, start: NOW, terms } as Lease
  const admitted: string[] = []
  const begun: number[] = []
  let isFull = false
  let follower: Lease | null = null
  const repairs = new Repairs({
    deals: { self: { device: source!.device } } as unknown as Deals,
    leases: {
      get: (_role: string, id: Buffer) => (id.equals(agreementId(terms)) ? lease : null),
      successorOf: () => follower,
      buyerOf: ({ buyer }: typeof terms) => buyer
    } as unknown as Leases,
    shelf: {
      admit: async id => !isFull && admitted.push(id) > 0,
      draw: async () => undefined
    },
    intake: { repair: (_lease, tickets) => void begun.push(tickets.length) } as Pick<
      Intake,
      'repair'
    > as Intake,
    now: () => NOW,
    log: nullLogger,
    timeouts: TIMEOUTS,
    leaseOf: () => lease
  })
  const right: Ticket = {
    agreement: agreementId(terms),
    source: source!.device.publicKey,
    to: other!.device.publicKey,
    until: NOW + DAY
  }
  const signed = (ticket: Partial<Ticket>, by = buyer!.device) => {
    const changed = { ...right, ...ticket }
    return { ticket: changed, signature: sign('ticket', changed, by) }
  }
  const from = { device: other!.device.publicKey } as Counterparty
  const admit = (ticket: ReturnType<typeof signed>) => repairs.admit(ticket, from, {} as DealChannel)
  return {
    ...{
      repairs,
      lease,
      admitted,
      begun,
      signed,
      admit,
      from,
      buyer: buyer!,
      source: source!,
      other: other!
    },
    fill: () => void (isFull = true),
    follow: () => void (follower = { ...lease, state: LEASE.STORED })
  }
}

test('a copy is given to the provider that its owner has named, and to nobody else', async () => {
  const { lease, admitted, signed, admit, other, fill, follow } = await providers()
  const declines = (word: string, ticket: ReturnType<typeof signed>): Promise<void> =>
    assert.rejects(admit(ticket), { word })
  await admit(signed({}))
  assert.equal(admitted.length, 1)
  await declines('TICKET', signed({ to: Buffer.alloc(32, 9) }))
  await declines('TICKET', signed({ source: Buffer.alloc(32, 9) }))
  await declines('TICKET', signed({ until: NOW + 8 * DAY }))
  await declines('EXPIRED', signed({ until: NOW - DAY }))
  await declines('SIGNATURE', signed({}, other.device))
  await declines('NO_AGREEMENT', signed({ agreement: Buffer.alloc(32, 9) }))
  lease.state = LEASE.GRACE
  await admit(signed({}))
  lease.state = LEASE.ENDED
  await declines('NO_AGREEMENT', signed({}))
  assert.equal(admitted.length, 2)
  follow()
  await admit(signed({}))
  assert.equal(admitted.length, 3, 'the copy goes on in the lease that follows')
  lease.state = LEASE.STORED
  fill()
  await declines('EGRESS', signed({}))
})

test('a copy is taken in from others only with tickets of its buyer for this node, once it is paid', async () => {
  const { repairs, lease, begun, signed, from, source, other } = await providers()
  const mine = { source: other.device.publicKey, to: source.device.publicKey }
  const repair = (...tickets: ReturnType<typeof signed>[]): void =>
    void repairs.repair({ agreement: agreementId(lease.terms), tickets }, from)
  lease.state = LEASE.COUNTERSIGNED
  assert.throws(() => repair(signed(mine)), { word: 'NOT_PAID' })
  lease.state = LEASE.ACTIVE
  assert.throws(() => repair(), { word: 'TICKET' })
  assert.throws(() => repair(signed({})), { word: 'TICKET' }, 'for another node')
  assert.throws(() => repair(signed(mine), signed(mine, other.device)), { word: 'TICKET' })
  assert.throws(() => repair(signed({ ...mine, source: source.device.publicKey })), { word: 'TICKET' })
  assert.deepEqual(begun, [])
  repair(signed(mine))
  lease.state = LEASE.STORED
  repair(signed(mine))
  assert.deepEqual(begun, [1], 'what is stored is not fetched again')
})

test('repairs fetch a size each and three together, and as much again after 90 days', () => {
  const cores = [{ key: Buffer.alloc(32, 1), length: 100, byteLength: 1 << 20 }]
  const size = Number(billedBytes(cores))
  const files = { write: async () => undefined } as unknown as LeaseFiles
  const lease = new LeaseHolder(
    {
      ...{ id: 'lease', cores, egressBytes: 0, egressUsed: 0, complete: true, readKey: null, owner: null },
      ...{ group: '', repairUsed: 0, repairSince: 0, ownerUsed: 0, ownerBefore: 0, ownerSince: 0 }
    },
    files,
    () => NOW
  )
  const streams = Array.from({ length: 5 }, () => new Duplex() as NoiseStream)
  const repair = (i: number): RepairHolder => new RepairHolder(lease, Buffer.alloc(32, i))
  for (let i = 0; i < 3; i++) {
    const one = repair(i)
    assert.equal(one.mayRead(streams[i]!), false)
    assert.ok(one.admit(streams[i]!, NOW))
    assert.equal(one.mayRead(streams[i]!), true)
    one.charge(Math.floor(1.1 * size))
    assert.equal(Math.floor(one.egressLeft()), 0)
    assert.equal(one.admit(streams[4]!, NOW), one.egressLeft() > 0, 'one device has a size')
  }
  assert.equal(repair(3).admit(streams[3]!, NOW + 89 * DAY), false)
  assert.equal(lease.egressUsed, 0, 'readers pay nothing for it')
  assert.ok(repair(3).admit(streams[3]!, NOW + 90 * DAY))
})
