import type * as v from 'valibot'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatKey, parseKey, shortKey } from '../../../../contracts/keys/key.js'
import { nameOf } from '../../../base/states.js'
import type { Store } from '../../../store/store.js'
import { readingStore } from '../../home-store.js'
import { Ledger } from '../../../payment/ledger.js'
import { BuyerLease } from '../../../storage/buyer/buyer-lease.js'
import { LEASE, isOver } from '../../../storage/lease/lease-state.js'
import { ENDED_BY_OWNER, Leases, bytesOf, endOf, idOf, paidUntil } from '../../../storage/lease/leases.js'
import type { LeaseRole } from '../../../storage/lease/leases.js'
import { ledgerOf } from '../../backend.js'
import { needsUp } from '../../needs-up.js'
import { callWithDryRun, dry, ending, reading } from '../definition/call.js'
import type { OfflineHome } from '../definition/call.js'
import {
  bytes,
  count,
  fields,
  hex,
  key,
  listed,
  maybe,
  moment,
  msat,
  oneOf,
  said
} from '../definition/schema.js'

/** How long ending a lease waits for the refund, ms; a running node receives a later one. */
export const REFUND_WAIT = 15_000

const receipt = fields({
  installment: count('number of the installment, from 0'),
  msat: msat('amount'),
  hash: hex(32, 'payment hash'),
  preimage: hex(32, 'proof of the payment')
})
const entry = fields({
  id: key('id of the lease'),
  role: oneOf(['buyer', 'provider'], 'what this node is in it'),
  device: key('device of the other side'),
  identity: key('identity of the other side'),
  bytes: bytes('size of what is stored'),
  until: moment('end of what is paid'),
  ends: moment('end of what is agreed'),
  state: said('its state'),
  why: maybe(said('why it is over')),
  paidMsat: msat('paid'),
  refundedMsat: maybe(msat('paid back of it, to the buyer')),
  earnedMsat: msat('received'),
  payments: count('payments that were made'),
  link: maybe(said('link of the drive, of a lease that this node bought')),
  receipts: listed(receipt, 'paid installments')
})

type LeaseEntry = v.InferOutput<typeof entry>

export const LEASE_CALLS = {
  leases: reading(
    {
      summary: 'lists the leases of this node, bought and sold, the newest first',
      result: { leases: listed(entry, 'the leases') }
    },
    {
      run: async node => {
        const { ledger } = await node.trade()
        return { leases: leaseEntries(node.store, ledger) }
      },
      offline: readLeases
    }
  ),
  'leases.end': callWithDryRun(
    {
      summary: 'ends a lease: the provider stops serving, the buyer stops paying',
      ...ending('lease')
    },
    async (node, params) => {
      const id = parseKey(params.id, 'lease id')
      const trade = await node.trade()
      const mine = trade.storage.leases.get('buyer', id)
      const kept = trade.storage.leases.get('provider', id)
      if (!mine && !kept)
        throw new BushelError(
          'LEASE_NOT_FOUND',
          `this node has no lease ${shortKey(id)}...`,
          'see the leases with: bushel leases'
        )
      if (params.dryRun) return dry(params, { id: formatKey(id), state: nameOf((mine ?? kept)!.state) })
      if (mine) {
        if (!isOver(mine)) await new BuyerLease(trade.storage.context, id).end(ENDED_BY_OWNER)
        await trade.storage.refunds.settle(id, REFUND_WAIT)
      } else if (trade.storage.leaseManager) await trade.storage.leaseManager.end(id, 'ended by the provider')
      else throw needsUp()
      return { id: formatKey(id), state: nameOf(LEASE.ENDED) }
    }
  )
}

async function readLeases(home: OfflineHome): Promise<{ leases: LeaseEntry[] }> {
  const wallet = ledgerOf(home.wallet)
  return readingStore(home.dir, store => ({ leases: leaseEntries(store, new Ledger(store, wallet)) }))
}

/** All leases of a node, newest first, with the amount paid for each. */
function leaseEntries(store: Store, ledger: Ledger): LeaseEntry[] {
  const leases = new Leases(store)
  const entries: (LeaseEntry & { created: number })[] = []
  for (const role of ['buyer', 'provider'] as const satisfies LeaseRole[]) {
    for (const { id, lease } of leases.list(role)) {
      const totals = ledger.totals(id)
      const peer = role === 'buyer' ? lease.terms.provider : leases.buyerOf(lease.terms)
      const begin = lease.start || lease.committed || lease.created
      entries.push({
        id: idOf(lease),
        role,
        device: formatKey(peer.device),
        identity: formatKey(peer.identity),
        bytes: bytesOf(lease),
        until: paidUntil(lease, ledger.contiguous(id)) || begin,
        ends: endOf(lease),
        state: nameOf(lease.state),
        ...(lease.reason ? { why: lease.reason } : {}),
        paidMsat: totals.paidMsat.toString(),
        refundedMsat: totals.refundedMsat.toString(),
        earnedMsat: totals.receivedMsat.toString(),
        payments: totals.payments,
        ...(lease.link ? { link: lease.link } : {}),
        receipts: ledger
          .payments(id)
          .filter(payment => payment.preimage !== null)
          .map(payment => ({
            installment: payment.installment,
            msat: payment.msat.toString(),
            hash: payment.hash.toString('hex'),
            preimage: payment.preimage!.toString('hex')
          })),
        created: lease.created
      })
    }
  }
  return entries.sort((a, b) => b.created - a.created).map(({ created: _created, ...entry }) => entry)
}
