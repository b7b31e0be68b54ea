import type { Lease, SealedCore, Stored } from '#spec'
import { sign, verify } from '../../../contracts/keys/signature.js'
import { hashOf } from '../../../contracts/schema/codec.js'
import type { Answer, Counterparty, DealChannel } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import type { Payments } from '../../payment/payments.js'
import { claimOf } from '../lease/egress.js'
import type { EgressAccounts } from '../lease/egress.js'
import { LEASE, leaseStates } from '../lease/lease-state.js'
import { endOf, idOf, paidUntil } from '../lease/leases.js'
import { allOf } from './intake.js'
import type { Intake } from './intake.js'

export interface SealingOptions {
  deals: Deals
  payments: Payments
  shelf: {
    readonly leases: readonly { readonly id: string; readonly complete: boolean }[]
    seals(id: string): Promise<SealedCore[]>
  }
  intake: Intake
  now: () => number
  /** What was fetched of each account of a lease. */
  accounts(lease: Lease): EgressAccounts
  /** The lease of an agreement with this peer; throws DeclineError when there is none or it is over. */
  leaseOf(agreement: Buffer, peer: Counterparty): Lease
  /** The lease that this one follows, which is paid to its end; null for none. Throws DeclineError when it is over or not paid. */
  before(lease: Lease): Lease | null
  /** Saves a newly sealed lease and starts serving it, when it has begun. */
  onsealed(lease: Lease): Promise<void>
}

/** Accepts the upload of a paid lease, and the buyer's seal over it. */
export class Sealing {
  readonly #options: SealingOptions

  constructor(options: SealingOptions) {
    this.#options = options
  }

  async progress(agreement: Buffer, peer: Counterparty, channel: DealChannel): Promise<Answer<'progress'>> {
    const lease = this.#options.leaseOf(agreement, peer)
    if (lease.state === LEASE.COUNTERSIGNED)
      throw new DeclineError('NOT_PAID', 'no upload is accepted before the first payment')
    if (lease.state !== LEASE.ACTIVE)
      return { body: { agreement, ...allOf(lease), ...claimOf(this.#options.accounts(lease)) } }
    return { body: { agreement, ...(await this.#options.intake.progress(lease, channel.stream)) } }
  }

  async seal({ seal, signature }: NonNullable<Lease['seal']>, peer: Counterparty): Promise<Answer<'seal'>> {
    const { leaseOf, shelf, now, payments, deals, intake } = this.#options
    const lease = leaseOf(seal.agreement, peer)
    if (lease.state !== LEASE.ACTIVE) return sealedBefore(lease, seal)
    if (!verify('seal', seal, signature, peer.device))
      throw new DeclineError('SIGNATURE', 'the signature on the seal is not valid')
    const kept = shelf.leases.find(({ id }) => id === idOf(lease))
    if (!kept?.complete) throw new DeclineError('INCOMPLETE', 'not all of the agreed blocks have arrived yet')
    const mine = await shelf.seals(idOf(lease))
    const same =
      mine.length === seal.cores.length && mine.every((core, i) => sealedAlike(core, seal.cores[i]!))
    if (!same) throw new DeclineError('SEAL', 'the seal does not match the uploaded cores')
    // The lease may have ended, or been sealed, while its cores were read.
    const current = leaseOf(seal.agreement, peer)
    if (current.state !== LEASE.ACTIVE) return sealedBefore(current, seal)
    const before = this.#options.before(current)
    const start = before ? endOf(before) : now()
    const state = before ? LEASE.NEXT : LEASE.STORED
    const sealed: Lease = { ...current, state, start, seal: { seal, signature } }
    const paid = payments.ledger.contiguous(seal.agreement)
    const stored: Stored = { seal: hashOf('seal', seal), start, paidUntil: paidUntil(sealed, paid) }
    sealed.stored = { stored, signature: sign('stored', stored, deals.self.device) }
    await this.#options.onsealed(sealed)
    await intake.done(sealed)
    return { body: sealed.stored }
  }
}

/** Repeats the answer to the accepted seal; declines any other. */
function sealedBefore(lease: Lease, seal: NonNullable<Lease['seal']>['seal']): Answer<'seal'> {
  if (lease.stored && lease.seal && hashOf('seal', lease.seal.seal).equals(hashOf('seal', seal)))
    return { body: lease.stored }
  throw new DeclineError('NOT_ACTIVE', `the lease cannot be sealed: it is ${leaseStates.nameOf(lease.state)}`)
}

function sealedAlike(a: SealedCore, b: SealedCore): boolean {
  return (
    a.key.equals(b.key) &&
    a.fork === b.fork &&
    a.length === b.length &&
    a.byteLength === b.byteLength &&
    a.treeHash.equals(b.treeHash)
  )
}
