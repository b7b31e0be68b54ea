import { join } from 'node:path'
import { formatAmount } from '../../contracts/money/money.js'
import { parseKey } from '../../contracts/keys/key.js'
import { formatSize } from '../../contracts/money/quantity.js'
import { SIDE } from '../../contracts/order.js'
import { trustedNow } from '../base/time/trusted-time.js'
import { liveOrders } from '../deal/orders/standing-orders.js'
import { occupiedBytes } from '../files/disk.js'
import { Debts } from '../payment/debts.js'
import type { Ledger } from '../payment/ledger.js'
import type { Store } from '../store/store.js'
import { owedTo } from './buyer/refunds.js'
import type { Owed } from './buyer/refunds.js'
import { remindersOf } from './buyer/upkeep/reminders.js'
import { isOver } from './lease/lease-state.js'
import { Leases } from './lease/leases.js'
import { leftOf } from './provider/ask-space.js'
import { LeaseFiles } from './shelf/lease-files.js'
import { sentOf } from './shelf/lease-shelf.js'
import type { LeaseShelf } from './shelf/lease-shelf.js'
import { storage } from './resource.js'

export interface StorageStatusSource {
  store: Store
  ledger: Ledger
  /** The home's folder. */
  dir: string
  /** The open shelf, where there is one. */
  shelf: LeaseShelf | null
}

/** The leases in both roles, and what they take of the disk. */
export async function storageStatus({ store, ledger, dir, shelf }: StorageStatusSource): Promise<{
  facts: Record<string, number | string>
  lines: { label: string; text: string }[]
}> {
  const leases = new Leases(store)
  const bought = leases.sums('buyer').live
  const { live: sold, bytes: reservedBytes } = leases.sums('provider')
  const usedBytes = shelf ? (await shelf.usage()).usedBytes : await occupiedBytes(join(dir, 'shelf'))
  let spaceBytes = 0
  let leftBytes = 0
  const now = trustedNow()
  for (const { id, order, offered } of liveOrders(store, now)) {
    if (order.side !== SIDE.ask || order.resource !== storage.id) continue
    spaceBytes += storage.ask.decode(offered).space
    leftBytes += leftOf({ offered }, leases.sumsUnder(id).bytes)
  }
  const kept = shelf?.leases ?? (await new LeaseFiles(join(dir, 'shelf', 'leases')).peek()).leases
  const isOpen = ({ id }: { id: string }): boolean => {
    const lease = leases.get('provider', parseKey(id))
    return lease !== null && !isOver(lease)
  }
  const spent = kept.filter(lease => isOpen(lease) && lease.egressUsed >= lease.egressBytes).length
  const paused = shelf?.paused.size ?? 0
  const reminders = remindersOf(store, leases, now)
  const owed = owedTo(new Debts(store, ledger), leases)
  const egressBytes = kept
    .filter(isOpen) // the rest is counted already
    .reduce((sum, lease) => sum + sentOf(lease), leases.servedBytes)
  return {
    facts: {
      ...{ bought, sold, usedBytes, reservedBytes, spaceBytes, leftBytes, egressBytes, spent, paused },
      ...{ owedMsat: owed.msat.toString(), debtors: owed.providers }
    },
    lines: [
      { label: 'shelf', text: `${formatSize(usedBytes)} on disk, ${formatSize(reservedBytes)} leased` },
      { label: 'offered', text: `${formatSize(spaceBytes)}, of which ${formatSize(leftBytes)} are free` },
      { label: 'served', text: `${formatSize(egressBytes)} sent to readers` },
      { label: 'leases', text: `${bought} bought, ${sold} sold` },
      ...(owed.msat > 0n ? [{ label: 'owed', text: owedText(owed) }] : []),
      ...reminders.map(({ text }) => ({ label: 'mirror', text })),
      ...(spent > 0
        ? [{ label: 'egress', text: `readers have spent it for ${spent} of them, and are told so` }]
        : []),
      ...(paused > 0 ? [{ label: 'uploads', text: `${paused} paused, the disk is full` }] : [])
    ]
  }
}

function owedText({ msat, providers }: Owed): string {
  const from = `${providers} ${providers === 1 ? 'provider' : 'providers'} of leases that are over`
  return `${formatAmount(msat)} by ${from}; collected while this node is up and meets them`
}
