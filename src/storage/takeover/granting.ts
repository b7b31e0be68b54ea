import type { Lease, SignedTakeover, TakenLease } from '#spec'
import { isOurs } from '../../../contracts/errors/error.js'
import { faultOfTakeover, isByTheWords } from '../../../contracts/keys/takeover.js'
import { MAX_TAKEN } from '../../../contracts/schema/counts.js'
import { agreementId } from '../../../contracts/terms.js'
import { KeyedMutex } from '../../base/mutex.js'
import type { Logger } from '../../base/logger.js'
import type { Answer, Counterparty, DealChannel } from '../../deal/channel.js'
import type { RequestOf } from '../../deal/methods.js'
import { DeclineError } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import type { Debts } from '../../payment/debts.js'
import type { Ledger } from '../../payment/ledger.js'
import { isUnpaid } from '../lease/lease-state.js'
import type { Leases } from '../lease/leases.js'
import type { Leaving } from './leaving.js'
import { isSameCopy } from './further-lease.js'
import { MOST_TAKEOVERS } from './takeovers.js'
import type { TakeoverFault } from './takeovers.js'

export interface GrantingOptions {
  deals: Deals
  leases: Leases
  ledger: Ledger
  debts: Debts
  leaving: Leaving
  log: Logger
  /** Called when the leases of another device have come to this one; it may be called again for the same. */
  ontaken(device: Buffer): Promise<void>
}

const REASONS: Record<TakeoverFault, string> = {
  unknown: 'this node has no lease that something was paid for with the device that is taken over',
  later: 'a later takeover of that device is known',
  other: 'another takeover of that device has the same number',
  left: 'the leases would come back to the device that they are taken from',
  many: `this node keeps ${MOST_TAKEOVERS} takeovers of one identity`
}

/**
 * The provider's answers to takeovers: the leases of one device of an identity go to another one, when the words of the identity
 * have signed so.
 */
export class Granting {
  readonly #options: GrantingOptions
  readonly #turns = new KeyedMutex()
  readonly #told = new WeakSet<DealChannel>()

  constructor(options: GrantingOptions) {
    this.#options = options
  }

  async answer(
    { signed, agreements }: RequestOf<'takeover'>,
    peer: Counterparty
  ): Promise<Answer<'takeover'>> {
    const { deals, leaving } = this.#options
    const { from, to, identity } = signed.takeover
    const fault = faultOfTakeover(signed)
    if (fault) throw new DeclineError('TAKEOVER', fault)
    if (!isByTheWords(signed))
      throw new DeclineError('SIGNATURE', 'the takeover is not signed by the words of the identity')
    // Whoever brings it: the words say that this device is left.
    if (from.equals(deals.self.device.publicKey)) {
      await leaving.hear(signed)
      return { body: { leases: [] } }
    }
    if (!peer.identity.equals(identity) || to.equals(deals.self.device.publicKey))
      throw new DeclineError('PARTIES', 'the takeover is not for a device of this identity')
    await this.#turns.run(identity.toString('hex'), () => this.#accept(signed))
    await this.#options.ontaken(to)
    const asked = agreements.flatMap(id => this.#asked(id!, peer))
    const further = this.#further(asked, to)
    return {
      body: { leases: [...asked.map(lease => this.#standing(lease)), ...further].slice(0, MAX_TAKEN) }
    }
  }

  /** On disk when it resolves. */
  async #accept(signed: SignedTakeover): Promise<void> {
    const { deals, leases, log } = this.#options
    const { takeovers } = leases
    const fault = takeovers.faultOf(signed, (identity, device) => leases.hasPaid(identity, device))
    if (fault) throw new DeclineError(fault === 'later' ? 'TAKEN_OVER' : 'TAKEOVER', REASONS[fault])
    if (takeovers.isKnown(signed)) return
    await deals.store.set(takeovers.change(signed))
    const { from, to } = signed.takeover
    log.info('leases taken over by another device of their buyer', { from, to })
  }

  #asked(agreement: Buffer, { identity }: Counterparty): Lease[] {
    const lease = this.#options.leases.get('provider', agreement)
    return lease?.terms.buyer.identity!.equals(identity) ? [lease] : []
  }

  /** How a lease stands, which the peer may know from an older record. */
  #standing({ terms, counter = null }: Lease): TakenLease {
    const agreement = agreementId(terms)
    const { ledger, debts } = this.#options
    const debt = debts.get('debtor', agreement)
    return {
      ...{ agreement, counter, paidMsat: ledger.totals(agreement).receivedMsat },
      leftMsat: debt && debt.leftMsat + debt.openMsat
    }
  }

  /** Leases that go on with the copies of those that were asked for, and were bought after the peer's record. */
  #further(asked: readonly Lease[], device: Buffer): TakenLease[] {
    const ids = new Set(asked.map(({ terms }) => agreementId(terms).toString('hex')))
    return [...this.#options.leases.with(device)]
      .filter(
        ({ id, lease }) => lease.role === 'provider' && !isUnpaid(lease) && !ids.has(id.toString('hex'))
      )
      .filter(({ lease }) => asked.some(one => isSameCopy(one.terms, lease.terms)))
      .map(({ lease }) => ({
        ...this.#standing(lease),
        agree: { terms: lease.terms, signature: lease.signature },
        countersign: lease.countersign ?? null,
        seal: lease.seal ?? null,
        stored: lease.stored ?? null
      }))
  }

  /** Shows a device that was left the takeover: until then it knows nothing of it. */
  async tell(channel: DealChannel, timeoutMs: number): Promise<void> {
    const { deals, leases } = this.#options
    const { identity, device } = channel.peer!
    const signed = leases.takeovers.from(identity, device)
    if (!signed || this.#told.has(channel)) return
    this.#told.add(channel)
    try {
      // It hears nothing before a hello, and may not have the answer to its own yet.
      const greeted = await deals.open(device, { timeoutMs })
      await greeted.request('takeover', { signed, agreements: [] }, { timeoutMs })
    } catch (error) {
      if (isOurs(error)) throw error
    }
  }
}
