import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import type { Countersign, Lease, Order, SealedCore, Stored, Terms } from '#spec'
import { hashOf } from '../../../contracts/schema/codec.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { askOf } from '../../../contracts/order.js'
import { billedBytes } from '../../../contracts/money/money.js'
import { sign, verify } from '../../../contracts/keys/signature.js'
import { agreementId } from '../../../contracts/terms.js'
import { Poller } from '../../base/poller.js'
import type { Answer, Counterparty, DealChannel } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import type { ResourceProvider } from '../../deal/provider.js'
import type { Change } from '../../store/facts.js'
import type { Debts } from '../../payment/debts.js'
import type { Payment } from '../../payment/ledger.js'
import type { Payments } from '../../payment/payments.js'
import { Audits } from './audits.js'
import type { AuditedShelf } from './audits.js'
import { Intake, allOf } from './intake.js'
import type { IntakeShelf } from './intake.js'
import { installmentsOf, idOf, isOver, paidUntil } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'
import { TIMEOUTS } from '../lease/timeouts.js'
import type { Timeouts } from '../lease/timeouts.js'
import { Serving } from './serving.js'
import type { Announcer, ServedShelf } from './serving.js'
import { TOLERANCE, Billing } from './billing.js'

/** What the lease manager needs of the shelf. */
export interface ShelfPort extends IntakeShelf, ServedShelf, AuditedShelf {
  readonly leases: readonly { readonly id: string; readonly complete: boolean }[]
  canReserve(bytes: number): Promise<boolean>
  keep(lease: { id: string; cores: Terms['cores']; egressBytes: number }): Promise<void>
  seals(id: string): Promise<SealedCore[]>
  /** What was counted so far; 0 for a lease that it does not keep. */
  egressBytes(id: string): number
  drop(id: string): Promise<void>
}

export interface LeaseManagerOptions {
  deals: Deals
  payments: Payments
  leases: Leases
  debts: Debts
  /** Can so much be received from that Lightning node? */
  canReceive: (from: Buffer, msat: bigint) => Promise<boolean>
  shelf: ShelfPort
  announcer: Announcer
  onfault: (error: unknown) => void
  now?: () => number
  timeouts?: Timeouts
  /** ms between looks at what has run out. */
  tickEvery?: number
}

const HOLDING = new Set(['COUNTERSIGNED', 'ACTIVE', 'STORED', 'GRACE'])

/**
 * The provider's side of storage: what is agreed is reserved, what is paid is admitted, kept, proven and served, and
 * what is no longer paid is given back after its grace. Events: `change` (lease).
 */
export class LeaseManager extends ReadyResource implements ResourceProvider {
  readonly #options: LeaseManagerOptions
  readonly #now: () => number
  readonly #billing: Billing
  readonly #intake: Intake
  readonly #serving: Serving
  readonly #poller: Poller
  readonly #onreceived = (payment: Payment): void =>
    void this.#paid(payment).catch(error => this.#options.onfault(error))

  constructor(options: LeaseManagerOptions) {
    super()
    this.#options = options
    this.#now = options.now ?? Date.now
    const { deals, payments, leases, debts, onfault } = options
    this.#poller = new Poller({
      look: () => this.#look(),
      interval: options.tickEvery ?? 30_000,
      onerror: onfault
    })
    this.#billing = new Billing({
      deals,
      payments,
      leases,
      debts,
      onfault,
      now: this.#now,
      timeouts: options.timeouts ?? TIMEOUTS,
      egress: lease => options.shelf.egressBytes(idOf(lease)),
      leaseOf: (agreement, peer, over) => this.#of(agreement, peer, over),
      onpaid: payment => this.#paid(payment)
    })
    const { shelf, announcer } = options
    this.#serving = new Serving(shelf, announcer)
    this.#intake = new Intake({ shelf, onfault, onviolation: (id, why) => this.#finish(id, why) })
    const audits = new Audits(shelf, leases)
    deals.handle('progress', ({ agreement }, peer, channel) => this.#progress(agreement, peer, channel))
    deals.handle('seal', (signed, peer) => this.#seal(signed, peer))
    deals.handle('audit', (audit, peer) => audits.answer(audit, peer))
    deals.handle('end', ({ agreement, reason }, peer) => this.#end(agreement, reason, peer))
  }

  protected override async _open(): Promise<void> {
    this.#options.payments.on('received', this.#onreceived)
    // A payment that was received just before a kill is in the ledger; its lease may not have heard of it.
    for (const { id, lease } of [...this.#options.leases.list('provider')]) {
      if (lease.state === 'COUNTERSIGNED' && this.#options.payments.ledger.contiguous(id) > 0)
        await this.#settled(id)
      else if (lease.state === 'STORED') this.#serving.begin(lease)
    }
    for (const payment of [...this.#options.payments.ledger.at('received')]) await this.#paid(payment)
    this.#billing.resume()
    void this.#poller.start()
  }

  protected override async _close(): Promise<void> {
    this.#options.payments.off('received', this.#onreceived)
    await this.#poller.close()
    await this.#billing.close()
    // The shelf, which closes next, ends the fetches that are under way.
  }

  // Before the agreement

  async capacityFault(order: Order, bytes: bigint): Promise<string | null> {
    const ask = askOf(order)
    const reserved = this.reservedBytes()
    if (reserved + bytes > BigInt(ask.space)) return 'this offer has no more room'
    if (!(await this.#options.shelf.canReserve(Number(bytes)))) return 'the disk has no more room'
    return null
  }

  /** What all agreements that hold space reserve, bytes. */
  reservedBytes(): bigint {
    let sum = 0n
    for (const { lease } of this.#options.leases.list('provider')) {
      if (HOLDING.has(lease.state)) sum += billedBytes(lease.terms.cores)
    }
    return sum
  }

  /** The first two installments at the least must be receivable before anything is signed. */
  async inboundFault(terms: Terms): Promise<string | null> {
    const first = installmentsOf({ terms } as Lease).slice(0, 2)
    const msat = first.reduce((sum, installment) => sum + installment.msat, 0n)
    if (await this.#options.canReceive(terms.buyer.lightning!, msat)) return null
    return 'this node cannot receive the first payments now'
  }

  firstList(terms: Terms): Countersign['list'] {
    const id = agreementId(terms)
    return this.#options.payments.list(id, installmentsOf({ terms } as Lease), 0)
  }

  agreed(terms: Terms, signature: Buffer, countersign: Countersign): Change[] {
    const lease: Lease = {
      role: 'provider',
      state: 'COUNTERSIGNED',
      created: this.#now(),
      committed: 0,
      start: 0,
      terms,
      signature,
      countersign
    }
    return [this.#options.leases.change(lease)]
  }

  // Payment

  async #paid(payment: Payment): Promise<void> {
    const { leases, payments } = this.#options
    const { kind, agreement } = payment
    if (kind !== 'installment' || !leases.get('provider', agreement)) return
    await this.#settled(agreement)
    payments.applied(payment)
  }

  /** An installment of a lease is settled: it binds, or is served again. */
  #settled(agreement: Buffer): Promise<void> {
    const { leases } = this.#options
    return leases.inTurn('provider', agreement, async () => {
      const lease = leases.get('provider', agreement)!
      if (lease.state === 'COUNTERSIGNED' || lease.state === 'VOID') await this.#admit(lease)
      else if (lease.state === 'GRACE') {
        await this.#save({ ...lease, state: 'STORED' })
        this.#serving.begin(lease)
      }
    })
  }

  /** The first payment has settled: the agreement binds, and its cores are admitted up to their limits. */
  async #admit(lease: Lease): Promise<void> {
    const { cores, egressBytes } = lease.terms
    await this.#options.shelf.keep({ id: idOf(lease), cores, egressBytes })
    const current = this.#options.leases.get('provider', agreementId(lease.terms))!
    await this.#save({ ...current, state: 'ACTIVE', committed: this.#now() })
  }

  // Upload and seal

  async #progress(agreement: Buffer, peer: Counterparty, channel: DealChannel): Promise<Answer<'progress'>> {
    const lease = this.#of(agreement, peer)
    if (lease.state === 'COUNTERSIGNED')
      throw new DeclineError('NOT_PAID', 'nothing is taken before the first payment')
    if (lease.state !== 'ACTIVE') return { body: { agreement, ...allOf(lease) } }
    return { body: { agreement, ...(await this.#intake.progress(lease, channel.stream)) } }
  }

  async #seal({ seal, signature }: NonNullable<Lease['seal']>, peer: Counterparty): Promise<Answer<'seal'>> {
    const lease = this.#of(seal.agreement, peer)
    if (lease.state !== 'ACTIVE') return this.#sealedBefore(lease, seal)
    if (!verify('seal', seal, signature, peer.device))
      throw new DeclineError('SIGNATURE', 'the seal is not signed')
    const kept = this.#options.shelf.leases.find(({ id }) => id === idOf(lease))
    if (!kept?.complete) throw new DeclineError('INCOMPLETE', 'not all of the agreed blocks are here yet')
    const mine = await this.#options.shelf.seals(idOf(lease))
    const same =
      mine.length === seal.cores.length && mine.every((core, i) => sealedAlike(core, seal.cores[i]!))
    if (!same) throw new DeclineError('SEAL', 'the seal is not of what is kept here')
    // It may have ended, or been sealed, while its cores were looked at.
    const current = this.#of(seal.agreement, peer)
    if (current.state !== 'ACTIVE') return this.#sealedBefore(current, seal)
    const start = this.#now()
    const sealed: Lease = { ...current, state: 'STORED', start, seal: { seal, signature } }
    const paid = this.#options.payments.ledger.contiguous(seal.agreement)
    const stored: Stored = { seal: hashOf('seal', seal), start, paidUntil: paidUntil(sealed, paid) }
    sealed.stored = { stored, signature: sign('stored', stored, this.#options.deals.self.device) }
    await this.#save(sealed)
    this.#intake.done(sealed)
    this.#serving.begin(sealed)
    return { body: sealed.stored }
  }

  /** A seal that was taken before gets the same answer; any other is declined. */
  #sealedBefore(lease: Lease, seal: NonNullable<Lease['seal']>['seal']): Answer<'seal'> {
    if (lease.stored && lease.seal && hashOf('seal', lease.seal.seal).equals(hashOf('seal', seal)))
      return { body: lease.stored }
    throw new DeclineError('NOT_ACTIVE', `the lease is ${lease.state}`)
  }

  // The end

  async #end(agreement: Buffer, reason: string, peer: Counterparty): Promise<Answer<'end'>> {
    this.#of(agreement, peer, true)
    await this.#finish(agreement, `ended by the buyer: ${reason.slice(0, 100)}`)
    const debt = this.#options.debts.get('debtor', agreement)?.debt ?? null
    const counter = this.#options.leases.get('provider', agreement)!.counter ?? null
    return { body: { agreement, counter, creditMsat: debt?.debt.msat ?? 0n, debt } }
  }

  /** Ends a lease by this provider's own will. */
  async end(id: Buffer, reason: string): Promise<void> {
    if (this.#options.leases.get('provider', id)) await this.#finish(id, reason)
  }

  /** Ends a lease that is not over. On disk first, with what is owed back, then the disk is given back. */
  #finish(id: Buffer, reason: string): Promise<void> {
    return this.#options.leases.inTurn('provider', id, async () => {
      const lease = this.#options.leases.get('provider', id)!
      if (!isOver(lease)) await this.#finishNow(lease, reason)
    })
  }

  async #finishNow({ terms }: Lease, reason: string): Promise<void> {
    const { payments, leases, deals, shelf } = this.#options
    const id = agreementId(terms)
    await payments.refuseRest(id)
    const ended: Lease = { ...leases.get('provider', id)!, state: 'ENDED', reason }
    const debt = this.#billing.debtOf(ended)
    const owed = debt ? [this.#billing.debtChange(terms, debt)] : []
    await deals.facts.set(leases.change(ended), ...owed)
    this.emit('change', ended)
    await this.#serving.end(ended)
    await shelf.drop(idOf(ended))
  }

  /** What has run out is ended; what an end left behind on the shelf is dropped. */
  look(): Promise<void> {
    return this.#poller.look()
  }

  async #look(): Promise<void> {
    const { leases, shelf } = this.#options
    const now = this.#now()
    for (const { id, lease } of [...leases.list('provider')]) {
      if (this.closing) return
      if (this.#isDue(id, lease, now)) await leases.inTurn('provider', id, () => this.#runOut(id, now))
    }
    const agreements = new Map([...leases.list('provider')].map(({ id }) => [formatKey(id), id]))
    for (const { id } of [...shelf.leases]) {
      const agreement = agreements.get(id)
      if (!agreement) await shelf.drop(id)
      else if (!this.#isAlive(agreement)) {
        await leases.inTurn('provider', agreement, async () => {
          if (!this.#isAlive(agreement)) await shelf.drop(id)
        })
      }
    }
  }

  #isAlive(agreement: Buffer): boolean {
    const lease = this.#options.leases.get('provider', agreement)
    return lease !== null && !isOver(lease)
  }

  /** True when a lease is past the time that its state has. */
  #isDue(id: Buffer, lease: Lease, now: number): boolean {
    const { grace, startBy } = lease.terms
    const until = paidUntil(lease, this.#options.payments.ledger.contiguous(id))
    if (lease.state === 'COUNTERSIGNED') return now > startBy
    if (lease.state === 'STORED') return now > until + TOLERANCE
    return (lease.state === 'ACTIVE' || lease.state === 'GRACE') && now > until + grace
  }

  /** In its turn: what was due may have been paid, or ended, meanwhile. */
  async #runOut(id: Buffer, now: number): Promise<void> {
    const lease = this.#options.leases.get('provider', id)!
    if (!this.#isDue(id, lease, now)) return
    if (lease.state === 'COUNTERSIGNED') await this.#lapse(lease)
    else if (lease.state === 'ACTIVE') await this.#finishNow(lease, 'it was never sealed')
    else if (lease.state === 'GRACE') await this.#finishNow(lease, 'what was paid has run out')
    else {
      await this.#save({ ...lease, state: 'GRACE' })
      await this.#serving.end(lease)
    }
  }

  /** The first payment never came: from here on it is refused. One that settled at the last moment binds. */
  async #lapse(lease: Lease): Promise<void> {
    const id = agreementId(lease.terms)
    await this.#options.payments.refuseRest(id)
    if (this.#options.payments.ledger.contiguous(id) > 0) await this.#admit(lease)
    else
      await this.#save({
        ...this.#options.leases.get('provider', id)!,
        state: 'VOID',
        reason: 'the first payment never came'
      })
  }

  /** Cores on the shelf, to whoever asks for them, while they are paid for. */
  serve(discoveryKey: Buffer, stream: NoiseStream): Promise<boolean> {
    return this.#serving.serve(discoveryKey, stream)
  }

  #of(agreement: Buffer, peer: Counterparty, over = false): Lease {
    const lease = this.#options.leases.get('provider', agreement)
    if (!lease || !lease.terms.buyer.device.equals(peer.device)) {
      throw new DeclineError('NO_AGREEMENT', 'this node has no such agreement with you')
    }
    if (!over && isOver(lease))
      throw new DeclineError('ENDED', `the lease is over: ${lease.reason ?? lease.state}`)
    return lease
  }

  async #save(lease: Lease): Promise<void> {
    await this.#options.leases.save(lease)
    this.emit('change', lease)
  }
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
