import type { Lease, SignedTicket } from '#spec'
import { verify } from '../../../contracts/keys/signature.js'
import { MAX_CLOCK_SKEW, TICKET_TIME } from '../../../contracts/terms.js'
import type { Duplex } from 'node:stream'
import type { NoiseStream } from 'hyperdht'
import type { Logger } from '../../base/logger.js'
import type { Answer, Counterparty, DealChannel } from '../../deal/channel.js'
import type { RequestOf } from '../../deal/methods.js'
import { DeclineError } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import { LEASE, isOver } from '../lease/lease-state.js'
import { idOf } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'
import type { Timeouts } from '../lease/timeouts.js'
import type { Intake } from './intake.js'
import { RepairSources } from './repair-sources.js'

export interface RepairShelf {
  /** Lets the peer fetch the copy of a lease; false when repairs have fetched what they may. */
  admit(id: string, stream: NoiseStream, now: number): Promise<boolean>
  /** Takes blocks of a lease from this connection to another copy. */
  draw(id: string, stream: Duplex): Promise<void>
}

export interface RepairsOptions {
  deals: Deals
  leases: Leases
  shelf: RepairShelf
  intake: Intake
  now: () => number
  log: Logger
  timeouts: Timeouts
  /** The lease of an agreement with this peer; throws DeclineError when there is none or it is over. */
  leaseOf(agreement: Buffer, peer: Counterparty): Lease
}

/** Repairs at both providers: one takes its copy in from other copies, the others give it on tickets of the owner. */
export class Repairs {
  readonly #options: RepairsOptions

  constructor(options: RepairsOptions) {
    this.#options = options
  }

  /** Begins to take in a copy from others; the buyer then asks for the progress as in an upload. */
  repair({ agreement, tickets }: RequestOf<'repair'>, peer: Counterparty): Answer<'repair'> {
    const { deals, leases, leaseOf, intake, shelf, now, log, timeouts } = this.#options
    const lease = leaseOf(agreement, peer)
    const own = deals.self.device.publicKey
    const isOurs = ({ ticket, signature }: SignedTicket): boolean =>
      ticket.to.equals(own) &&
      !ticket.source.equals(own) &&
      verify('ticket', ticket, signature, leases.buyerOf(lease.terms).device!)
    if (tickets.length === 0 || !tickets.every(isOurs))
      throw new DeclineError('TICKET', 'a repair needs tickets for this node, signed by its buyer')
    if (lease.state === LEASE.COUNTERSIGNED)
      throw new DeclineError('NOT_PAID', 'nothing is fetched before the first payment')
    if (lease.state === LEASE.ACTIVE)
      intake.repair(
        lease,
        tickets,
        () =>
          new RepairSources({
            open: (device, signal) => deals.open(device, { timeoutMs: timeouts.connect, signal }),
            draw: stream => shelf.draw(idOf(lease), stream),
            answerMs: timeouts.answer,
            now,
            log
          })
      )
    return { body: { ok: 1 } }
  }

  /** Lets a provider that shows a ticket of the copy's owner fetch it over this connection. */
  async admit(
    { ticket, signature }: RequestOf<'ticket'>,
    peer: Counterparty,
    { stream }: DealChannel
  ): Promise<Answer<'ticket'>> {
    const { deals, leases, shelf, now } = this.#options
    const named = leases.get('provider', ticket.agreement)
    // The copy goes on in the lease that follows the one that was named.
    const lease = named && isOver(named) ? leases.successorOf('provider', ticket.agreement) : named
    if (!lease || (lease.state !== LEASE.STORED && lease.state !== LEASE.GRACE))
      throw new DeclineError('NO_AGREEMENT', 'this node has no such copy')
    if (!ticket.source.equals(deals.self.device.publicKey) || !ticket.to.equals(peer.device))
      throw new DeclineError('TICKET', 'the ticket is for other devices')
    if (!verify('ticket', ticket, signature, leases.buyerOf(lease.terms).device!))
      throw new DeclineError('SIGNATURE', 'the ticket is not signed by the owner of the copy')
    if (ticket.until < now() - MAX_CLOCK_SKEW) throw new DeclineError('EXPIRED', 'the ticket has expired')
    if (ticket.until > now() + TICKET_TIME + MAX_CLOCK_SKEW)
      throw new DeclineError('TICKET', 'the ticket is good for more than seven days')
    if (!(await shelf.admit(idOf(lease), stream, now())))
      throw new DeclineError('EGRESS', 'repairs have fetched all that they may of this copy')
    return { body: { ok: 1 } }
  }
}
