import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import type { Countersign, Lease, Order, Terms } from '#spec'
import crypto from 'hypercore-crypto'
import { PUBLIC_READ } from '../../../contracts/keys/read-key.js'
import { billedBytes } from '../../../contracts/money/money.js'
import { parseKey } from '../../../contracts/keys/key.js'
import { agreementId } from '../../../contracts/terms.js'
import type { Used } from '../../base/bounds/bounds.js'
import { systemClock } from '../../base/clock.js'
import { Poller } from '../../base/poller.js'
import { Scope } from '../../base/scope.js'
import type { Answer, Counterparty, DealChannel, Handler } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import type { Change } from '../../store/change.js'
import type { Payment } from '../../payment/ledger.js'
import { Outbox } from '../notices/outbox.js'
import { Audits } from './audits.js'
import { Intake } from './intake.js'
import type { ShelfLease } from '../shelf/lease-files.js'
import type { LeaseManagerOptions } from './lease-manager-options.js'
import { Repairs } from './repairs.js'
import { Sealing } from './sealing.js'
import { LEASE, isOver, leaseStates } from '../lease/lease-state.js'
import { installmentsOf, idOf } from '../lease/leases.js'
import { TIMEOUTS } from '../lease/timeouts.js'
import { Serving } from './serving.js'
import { Billing } from './billing.js'
import { dueAt, isDue } from './due.js'
import { STEP } from '../../payment/payment-state.js'
import type { LeaseDesk } from './selling.js'
import { Room } from './room.js'
import type { Need } from './room.js'
import { Succession } from './succession.js'
import { trustedNow } from '../../base/time/trusted-time.js'

/** To a device whose leases another one has. */
const TAKEN = 'another device of its owner has taken over what this one bought'
/** Why a lease ended that another one follows. */
const SUCCEEDED = 'it was served, and the lease that follows it goes on'

/**
 * The provider's side of storage. Reserves space for agreed leases; takes in, proves and serves paid ones; frees the
 * space of unpaid ones after their grace. Events: `change` (lease).
 */
export class LeaseManager extends ReadyResource implements LeaseDesk {
  readonly #options: LeaseManagerOptions
  readonly #now: () => number
  /** Undone at close; the manager answers from its construction on. */
  readonly #scope = new Scope()
  readonly #billing: Billing
  readonly #intake: Intake
  readonly #room: Room
  readonly #serving: Serving
  readonly #succession: Succession
  readonly #outbox: Outbox
  readonly #poller: Poller
  /** Since when this process has taken uploads in without a gap, ms since 1970. */
  #awake = 0
  /** The shelf may have what belongs to no open lease: after a kill, or when it could not be dropped. */
  #isLeftBehind = true
  readonly #onreceived = (payment: Payment): void =>
    void this.#paid(payment).catch(error => this.#options.log.fault(error))

  constructor(options: LeaseManagerOptions) {
    super()
    this.#options = options
    this.#now = options.now ?? trustedNow
    const { deals, payments, leases, debts, log } = options
    this.#poller = new Poller({
      look: () => this.#look(),
      interval: options.tickEvery ?? 30_000,
      onerror: log.fault
    })
    this.#billing = new Billing({
      deals,
      payments,
      leases,
      debts,
      log,
      now: this.#now,
      timeouts: options.timeouts ?? TIMEOUTS,
      accounts: lease => options.shelf.accounts(idOf(lease)),
      leaseOf: (agreement, peer, over) => this.#of(agreement, peer, over),
      onpaid: payment => this.#paid(payment)
    })
    const { shelf, announcer } = options
    this.#room = new Room({
      leases,
      now: this.#now,
      canReserve: bytes => shelf.canReserve(bytes),
      release: ({ id }) => this.#giveWay(id)
    })
    this.#serving = new Serving(shelf, announcer)
    this.#succession = new Succession(leases, payments.ledger)
    this.#intake = new Intake({
      ...{ shelf, log, now: this.#now, since: lease => Math.max(lease.committed, this.#awake) },
      onviolation: (id, why) => this.#finish(id, why)
    })
    this.#outbox = new Outbox({
      ...{ deals, leases, log, now: this.#now },
      timeouts: options.timeouts ?? TIMEOUTS,
      leaseOf: (agreement, peer) => this.#of(agreement, peer, true)
    })
    this.#scope.add(() => this.#serving.close())
    this.#scope.add(() => this.#outbox.close())
    this.#scope.add(() => this.#billing.close())
    this.#scope.add(() => this.#poller.close())
    const audits = new Audits(shelf, leases, this.#now)
    const sealing = new Sealing({
      ...{ deals, payments, shelf, intake: this.#intake, now: this.#now },
      accounts: lease => shelf.accounts(idOf(lease)),
      leaseOf: (agreement, peer) => this.#of(agreement, peer),
      before: lease => this.#succession.before(lease),
      onsealed: async sealed => {
        await this.#save(sealed)
        if (sealed.state === LEASE.STORED) this.#serving.begin(sealed)
        else await this.#handOver(sealed)
      }
    })
    const repairs = new Repairs({
      ...{ deals, leases, shelf, log, intake: this.#intake, now: this.#now },
      timeouts: options.timeouts ?? TIMEOUTS,
      leaseOf: (agreement, peer) => this.#of(agreement, peer)
    })
    const ticket: Handler<'ticket'> = (signed, peer, channel) => repairs.admit(signed, peer, channel)
    const progress: Handler<'progress'> = ({ agreement }, peer, channel) =>
      sealing.progress(agreement, peer, channel)
    for (const dispose of [
      deals.handle('progress', progress),
      deals.handle('repair', (asked, peer) => repairs.repair(asked, peer)),
      deals.handle('ticket', ticket),
      deals.handle('seal', (signed, peer) => sealing.seal(signed, peer)),
      deals.handle('audit', (audit, peer) => audits.answer(audit, peer)),
      deals.handle('token', (token, peer) => audits.token(token, peer)),
      deals.handle('block', (spot, peer) => audits.block(spot, peer)),
      deals.handle('end', ({ agreement, reason }, peer) => this.#end(agreement, reason, peer))
    ])
      this.#scope.add(dispose)
  }

  protected override _open(): Promise<void> {
    return this.#scope.guard(() => this.#start())
  }

  async #start(): Promise<void> {
    this.#scope.on(this.#options.payments, 'received', this.#onreceived)
    this.#room.load()
    this.#awake = this.#now()
    this.#scope.add(systemClock.onGap(() => (this.#awake = this.#now())))
    // A lease may have missed a payment that the ledger recorded just before a kill.
    const { leases, payments, deals, log } = this.#options
    for (const { id } of [...leases.at('provider', LEASE.COUNTERSIGNED)])
      if (payments.ledger.contiguous(id) > 0) await this.#settled(id)
    for (const { lease } of leases.at('provider', LEASE.STORED)) this.#serving.begin(lease)
    // One that the shelf could not read is not there.
    const kept = new Set(this.#options.shelf.leases.map(({ id }) => id))
    for (const state of [LEASE.GRACE, LEASE.NEXT, LEASE.ACTIVE])
      for (const { lease } of leases.at('provider', state))
        if (kept.has(idOf(lease)) && (state !== LEASE.ACTIVE || lease.terms.follows))
          await this.#options.shelf.silence(idOf(lease))
    for (const payment of [...payments.ledger.at(STEP.received)]) await this.#paid(payment)
    this.#billing.resume()
    this.#scope.on(deals, 'met', (channel: DealChannel) => void this.#outbox.met(channel).catch(log.fault))
    this.#scope.on(deals, 'attached', (stream: NoiseStream) => this.#outbox.attached(stream))
    this.#outbox.start()
    void this.#poller.start()
  }

  /** The shelf closes next and ends the running fetches. */
  protected override _close(): Promise<void> {
    return this.#scope.close()
  }

  // Before the agreement

  /** `from` is null for whoever would pay at once. */
  capacityFault(
    order: Order,
    bytes: bigint,
    from: Counterparty | null = null,
    follows: Buffer | null = null
  ): Promise<string | null> {
    return this.#room.fault(order, this.#needOf(order, bytes, follows), from)
  }

  /** Under the ask of the lease that it follows, a lease needs no space of its own; under another one it has to fit. */
  #needOf(order: Order, bytes: bigint, follows: Buffer | null): Need {
    const isSame = follows !== null && this.#succession.isUnder(follows, order)
    return { bytes: isSame ? 0n : bytes, isKept: follows !== null }
  }

  followFault(id: Buffer, from: Counterparty, terms?: Terms): string | null {
    return this.#succession.fault(id, from, terms)
  }

  async makeRoom(order: Order, terms: Terms, from: Counterparty): Promise<void> {
    const unpaid = terms.follows ? this.#succession.unpaid(terms.follows) : null
    if (unpaid) await this.#giveWay(agreementId(unpaid.terms))
    // It may have been paid at the last moment.
    const fault = terms.follows ? this.followFault(terms.follows, from, terms) : null
    if (fault) throw new DeclineError('FOLLOWS', fault)
    const need = this.#needOf(order, billedBytes(terms.cores), terms.follows ?? null)
    await this.#room.make(order, terms, need, from)
  }

  /** How much of its bounds is used. */
  get used(): Used {
    return { unpaidLeases: this.#room.unpaid.count, uploads: this.#intake.count }
  }

  /** Agreements that are not paid, and the bytes that they hold. */
  get unpaid(): Room['unpaid'] {
    return this.#room.unpaid
  }

  /** What is let of an ask, bytes. */
  letUnder(ask: Buffer): number {
    return this.#room.letUnder(ask)
  }

  /** Space reserved by all agreements, bytes. */
  reservedBytes(): bigint {
    return BigInt(this.#options.leases.sums('provider').bytes)
  }

  /** Checks before signing that at least the first two installments can be received. */
  async inboundFault(terms: Terms): Promise<string | null> {
    const first = installmentsOf({ terms } as Lease).slice(0, 2)
    const msat = first.reduce((sum, installment) => sum + installment.msat, 0n)
    if (await this.#options.canReceive(terms.buyer.lightning!, msat)) return null
    return 'the Lightning node cannot receive the first payments now'
  }

  async leastMsat(): Promise<bigint | null> {
    return (await this.#options.statedLeast?.()) ?? null
  }

  firstList(terms: Terms): Countersign['list'] {
    const id = agreementId(terms)
    return this.#options.payments.list(id, installmentsOf({ terms } as Lease), 0)
  }

  agreed(terms: Terms, signature: Buffer, countersign: Countersign, from: Counterparty): Change[] {
    this.#room.agreed(terms, from)
    const lease: Lease = {
      role: 'provider',
      state: LEASE.COUNTERSIGNED,
      created: this.#now(),
      committed: 0,
      start: 0,
      terms,
      signature,
      countersign
    }
    return [this.#options.leases.change(lease)]
  }

  countersigned(agreement: Buffer, device: Buffer): Countersign | null {
    const lease = this.#options.leases.get('provider', agreement)
    return lease && this.#isBuyer(lease, device) ? (lease.countersign ?? null) : null
  }

  leftFault({ identity, device }: Counterparty): string | null {
    return this.#options.leases.takeovers.from(identity, device) ? TAKEN : null
  }

  #isBuyer({ terms }: Lease, device: Buffer): boolean {
    return this.#options.leases.buyerOf(terms).device!.equals(device)
  }

  /** The leases of a device have come to another one, which is their owner on the shelf from now on. */
  async takenOver(device: Buffer): Promise<void> {
    const { leases, shelf } = this.#options
    const owners = new Map(shelf.leases.map(({ id, owner }) => [id, owner]))
    for (const { id, lease } of [...leases.with(device)]) {
      if (lease.role !== 'provider' || owners.get(idOf(lease))?.equals(device)) continue
      await leases.inTurn('provider', id, async () => {
        const current = leases.get('provider', id)!
        // One that has ended meanwhile is not put on the shelf again.
        if (!isOver(current) && shelf.has(idOf(current))) await shelf.keep(this.#shelved(current))
      })
    }
  }

  /** A lease as the shelf keeps it. */
  #shelved(lease: Lease): ShelfLease {
    const { cores, egressBytes, readKey, buyer } = lease.terms
    // Leases of others that name the same cores keep their own blocks: to know a core's key is no right to it.
    const group = crypto.hash([readKey!, buyer.identity!]).toString('hex')
    const { device: owner } = this.#options.leases.buyerOf(lease.terms)
    const access = { readKey: readKey!.equals(PUBLIC_READ) ? null : readKey!, owner: owner!, group }
    return { id: idOf(lease), cores, egressBytes, ...access }
  }

  // Payment

  async #paid(payment: Payment): Promise<void> {
    const { leases, payments } = this.#options
    const { kind, agreement } = payment
    if (kind !== 'installment' || !leases.get('provider', agreement)) return
    await this.#settled(agreement)
    payments.applied(payment)
  }

  /** Handles a settled installment: the lease binds, or is served again. */
  #settled(agreement: Buffer): Promise<void> {
    const { leases } = this.#options
    return leases.inTurn('provider', agreement, async () => {
      const lease = leases.get('provider', agreement)!
      if (lease.state === LEASE.COUNTERSIGNED || lease.state === LEASE.VOID) await this.#admit(lease)
      else if (lease.state === LEASE.GRACE) {
        await this.#save({ ...lease, state: LEASE.STORED })
        this.#serving.begin(lease)
      }
    })
  }

  /** Handles the first payment: the agreement binds, and its cores are accepted up to their limits. */
  async #admit(lease: Lease): Promise<void> {
    await this.#options.shelf.keep(this.#shelved(lease))
    // Until it begins, readers are served for the lease before it.
    if (lease.terms.follows) await this.#options.shelf.silence(idOf(lease))
    const current = this.#options.leases.get('provider', agreementId(lease.terms))!
    const active = { ...current, state: LEASE.ACTIVE, committed: this.#now() }
    await this.#save(active)
    if (lease.terms.follows && !this.#succession.isKept(lease.terms.follows))
      await this.#finishNow(active, 'the lease before it is over')
  }

  // The end

  async #end(agreement: Buffer, reason: string, peer: Counterparty): Promise<Answer<'end'>> {
    this.#of(agreement, peer, true)
    await this.#finish(agreement, `ended by the buyer: ${reason.slice(0, 100)}`, { isKnown: true })
    await this.#outbox.forget(agreement)
    const debt = this.#options.debts.get('debtor', agreement)?.debt ?? null
    const counter = this.#options.leases.get('provider', agreement)!.counter ?? null
    return { body: { agreement, counter, creditMsat: debt?.debt.msat ?? 0n, debt } }
  }

  /** Ends a lease on the provider's own decision. */
  async end(id: Buffer, reason: string): Promise<void> {
    if (this.#options.leases.get('provider', id)) await this.#finish(id, reason)
  }

  /** Ends a running lease: records the end and the debt, then frees the disk. `isKnown`: its buyer need not be told. */
  #finish(id: Buffer, reason: string, { isKnown = false } = {}): Promise<void> {
    return this.#options.leases.inTurn('provider', id, async () => {
      const lease = this.#options.leases.get('provider', id)!
      if (!isOver(lease)) await this.#finishNow(lease, reason, { isKnown })
    })
  }

  async #finishNow({ terms }: Lease, reason: string, { isKnown = false } = {}): Promise<void> {
    const { payments, leases, deals } = this.#options
    const id = agreementId(terms)
    const next = this.#succession.after(id, this.#now())
    if (next && next.state !== LEASE.STORED) await this.#finishAfter(next, reason, { isKnown })
    await payments.refuseRest(id)
    const ended: Lease = { ...leases.get('provider', id)!, state: LEASE.ENDED, reason }
    const debt = this.#billing.debtOf(ended)
    const owed = debt ? [this.#billing.debtChange(terms, debt)] : []
    const served = leases.servedChange(this.#options.shelf.egressBytes(idOf(ended)))
    // It may have changed while the invoices were refused.
    const begins = this.#succession.after(id, this.#now())
    const begun = begins?.state === LEASE.STORED ? [leases.change(begins)] : []
    const told = isKnown || !ended.committed ? [] : [this.#outbox.ended(ended, debt)]
    await deals.store.set(leases.change(ended), served, ...owed, ...told, ...begun)
    if (told.length > 0) this.#outbox.tell(ended)
    for (const changed of begun.length > 0 ? [ended, begins!] : [ended]) {
      this.#room.changed(changed)
      this.emit('change', changed)
    }
    if (begun.length > 0) this.#serving.begin(begins!)
    await this.#intake.done(ended)
    await this.#serving.end(ended)
    await this.#drop(idOf(ended))
  }

  /** At the end of a lease that was served: the one that follows it begins. */
  async #handOver({ terms }: Lease): Promise<void> {
    const { leases } = this.#options
    const id = terms.follows!
    await leases.inTurn('provider', id, async () => {
      if (this.#succession.after(id, this.#now())?.state === LEASE.STORED)
        await this.#finishNow(leases.get('provider', id)!, SUCCEEDED, { isKnown: true })
    })
    const own = agreementId(terms)
    if (leases.get('provider', own)!.state === LEASE.NEXT && !this.#succession.isKept(id))
      await this.#finish(own, 'the lease before it is over')
  }

  /** Ends a lease with the one that it follows. */
  async #finishAfter({ terms }: Lease, reason: string, how: { isKnown: boolean }): Promise<void> {
    await this.#finish(agreementId(terms), `the lease before it is over: ${reason.slice(0, 100)}`, how)
  }

  /** Ends expired leases, and drops from the shelf what an earlier end left behind. */
  look(): Promise<void> {
    return this.#poller.look()
  }

  async #look(): Promise<void> {
    const { leases, payments } = this.#options
    const now = this.#now()
    const due = (lease: Lease): number =>
      dueAt(lease, payments.ledger.contiguous(agreementId(lease.terms)), this.#movedAt(lease))
    for await (const { id, lease } of leases.due('provider', now, due)) {
      if (this.closing) return
      if (lease.state === LEASE.NEXT) await this.#handOver(lease)
      else await leases.inTurn('provider', id, () => this.#runOut(id, now))
    }
    if (this.#isLeftBehind) await this.#sweep()
  }

  /** Drops from the shelf what belongs to no open lease. */
  async #sweep(): Promise<void> {
    const { leases, shelf } = this.#options
    this.#isLeftBehind = false
    for (const { id } of [...shelf.leases]) {
      const agreement = parseKey(id)
      if (this.#isAlive(agreement)) continue
      await leases.inTurn('provider', agreement, async () => {
        if (!this.#isAlive(agreement)) await this.#drop(id)
      })
    }
  }

  async #drop(id: string): Promise<void> {
    try {
      await this.#options.shelf.drop(id)
    } catch (error) {
      this.#isLeftBehind = true
      throw error
    }
  }

  #isAlive(agreement: Buffer): boolean {
    const lease = this.#options.leases.get('provider', agreement)
    return lease !== null && !isOver(lease)
  }

  /** When the upload of an unsealed lease last made progress; time in which this node could not take it in does not count. */
  #movedAt(lease: Lease): number {
    return Math.max(lease.committed, this.#awake, this.#intake.movedAt(lease))
  }

  /** Ends or advances an expired lease, after checking again that it was neither paid nor ended meanwhile. */
  async #runOut(id: Buffer, now: number): Promise<void> {
    const { leases, payments } = this.#options
    const lease = leases.get('provider', id)!
    const paid = payments.ledger.contiguous(id)
    if (!isDue(lease, paid, now, this.#movedAt(lease))) return
    if (lease.state === LEASE.COUNTERSIGNED) await this.#lapse(lease, 'the first payment never came')
    else if (lease.state === LEASE.ACTIVE)
      await this.#finishNow(
        lease,
        isDue(lease, paid, now)
          ? 'it was not sealed before the paid time and the grace ran out'
          : 'it was not sealed, and its upload made no progress for two hours, or was slower than 16 KiB/s'
      )
    else if (lease.state === LEASE.GRACE)
      await this.#finishNow(lease, 'the paid time and the grace have run out')
    else if (this.#succession.after(id, now)?.state === LEASE.STORED)
      await this.#finishNow(lease, SUCCEEDED, { isKnown: true })
    else {
      await this.#save({ ...lease, state: LEASE.GRACE })
      await this.#serving.end(lease)
    }
  }

  /** Ends an agreement that nobody has paid, because another one needs its place. */
  #giveWay(id: Buffer): Promise<void> {
    return this.#options.leases.inTurn('provider', id, async () => {
      const lease = this.#options.leases.get('provider', id)!
      if (lease.state === LEASE.COUNTERSIGNED)
        await this.#lapse(lease, 'it was not paid, and its place was given to another lease')
    })
  }

  /** Voids a lease without a first payment, which is refused from then on. A payment at the last moment still binds. */
  async #lapse(lease: Lease, reason: string): Promise<void> {
    const id = agreementId(lease.terms)
    await this.#options.payments.refuseRest(id)
    if (this.#options.payments.ledger.contiguous(id) > 0) await this.#admit(lease)
    else
      await this.#save({
        ...this.#options.leases.get('provider', id)!,
        state: LEASE.VOID,
        reason
      })
  }

  /** Serves cores on the shelf to readers while they are paid for. */
  serve(discoveryKey: Buffer, stream: NoiseStream): Promise<boolean> {
    return this.#serving.serve(discoveryKey, stream)
  }

  #of(agreement: Buffer, peer: Counterparty, over = false): Lease {
    const lease = this.#options.leases.get('provider', agreement)
    const { takeovers } = this.#options.leases
    if (!lease || !takeovers.buyersOf(lease.terms).some(device => device.equals(peer.device)))
      throw new DeclineError('NO_AGREEMENT', 'this node has no such agreement with this buyer')
    if (!this.#isBuyer(lease, peer.device)) throw new DeclineError('TAKEN_OVER', TAKEN)
    if (!over && isOver(lease))
      throw new DeclineError('ENDED', `the lease is over: ${lease.reason ?? leaseStates.nameOf(lease.state)}`)
    return lease
  }

  async #save(lease: Lease): Promise<void> {
    await this.#options.leases.save(lease)
    this.#room.changed(lease)
    this.emit('change', lease)
  }
}
