import { join } from 'node:path'
import type { Order } from '#spec'
import { formatSize } from '../../contracts/money/quantity.js'
import { SIDE } from '../../contracts/order.js'
import { occupiedBytes } from '../files/disk.js'
import type { Store } from '../store/store.js'
import { Leases } from './lease/leases.js'
import type { LeaseShelf } from './shelf/lease-shelf.js'
import { storage } from './resource.js'

export interface StorageStatusSource {
  store: Store
  /** The home's folder. */
  dir: string
  /** The open shelf, where there is one. */
  shelf: LeaseShelf | null
  /** Our own live orders, where they are known. */
  orders: Iterable<{ order: Order; offered: Buffer }>
}

/** The leases in both roles, and what they take of the disk. */
export async function storageStatus({ store, dir, shelf, orders }: StorageStatusSource): Promise<{
  facts: Record<string, number>
  lines: { label: string; text: string }[]
}> {
  const leases = new Leases(store)
  const bought = leases.sums('buyer').live
  const { live: sold, bytes: reservedBytes } = leases.sums('provider')
  const usedBytes = shelf ? (await shelf.usage()).usedBytes : await occupiedBytes(join(dir, 'shelf'))
  const spaceBytes = [...orders].reduce((sum, { order }) => sum + spaceOf(order), 0)
  const egressBytes = (shelf?.leases ?? []).reduce((sum, { id }) => sum + shelf!.egress(id).usedBytes, 0)
  return {
    facts: { bought, sold, usedBytes, reservedBytes, spaceBytes, egressBytes },
    lines: [
      { label: 'shelf', text: `${formatSize(usedBytes)} on disk, ${formatSize(reservedBytes)} leased` },
      { label: 'offered', text: formatSize(spaceBytes) },
      { label: 'served', text: `${formatSize(egressBytes)} sent to readers` },
      { label: 'leases', text: `${bought} bought, ${sold} sold` }
    ]
  }
}

function spaceOf(order: Order): number {
  const isOurs = order.side === SIDE.ask && order.resource === storage.id
  return isOurs ? storage.ask.decode(order.body).space : 0
}
