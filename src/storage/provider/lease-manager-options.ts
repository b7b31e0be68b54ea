import type { SealedCore } from '#spec'
import type { Deals } from '../../deal/deals.js'
import type { Debts } from '../../payment/debts.js'
import type { Payments } from '../../payment/payments.js'
import type { EgressAccounts } from '../lease/egress.js'
import type { Leases } from '../lease/leases.js'
import type { Timeouts } from '../lease/timeouts.js'
import type { ShelfLease } from '../shelf/lease-files.js'
import type { AuditedShelf } from './audits.js'
import type { IntakeShelf } from './intake.js'
import type { RepairShelf } from './repairs.js'
import type { Announcer, ServedShelf } from './serving.js'
import type { Logger } from '../../base/logger.js'

/** The shelf operations that the lease manager needs. */
export interface ShelfPort extends IntakeShelf, ServedShelf, AuditedShelf, RepairShelf {
  readonly leases: readonly {
    readonly id: string
    readonly complete: boolean
    readonly owner: Buffer | null
  }[]
  has(id: string): boolean
  canReserve(bytes: number): Promise<boolean>
  keep(lease: ShelfLease): Promise<void>
  seals(id: string): Promise<SealedCore[]>
  /** What readers and the owner have fetched in all, bytes; 0 for an unknown lease. */
  egressBytes(id: string): number
  /** What was fetched of each account of a lease. */
  accounts(id: string): EgressAccounts
  drop(id: string): Promise<void>
}

export interface LeaseManagerOptions {
  deals: Deals
  payments: Payments
  leases: Leases
  debts: Debts
  /** True when `msat` can be received from this Lightning node. */
  canReceive: (from: Buffer, msat: bigint) => Promise<boolean>
  /** The least payment to state to buyers, msat; null, and without it: LEAST_PAYMENT. */
  statedLeast?: () => Promise<bigint | null>
  shelf: ShelfPort
  announcer: Announcer
  log: Logger
  now?: () => number
  timeouts?: Timeouts
  /** ms between two looks for expired leases. */
  tickEvery?: number
}
