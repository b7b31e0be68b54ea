import type { NoiseStream } from 'hyperdht'
import type { Lease, Notice, SignedDebt, SignedNotice } from '#spec'
import { isOurs } from '../../../contracts/errors/error.js'
import { sign } from '../../../contracts/keys/signature.js'
import { agreementId } from '../../../contracts/terms.js'
import { KeyedBackoff } from '../../base/backoff.js'
import type { Logger } from '../../base/logger.js'
import { KeyedMutex } from '../../base/mutex.js'
import { Poller } from '../../base/poller.js'
import { unlessAborted } from '../../base/timeouts.js'
import type { Counterparty, DealChannel } from '../../deal/channel.js'
import { DeclineError, unlessDeclined } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import { change } from '../../store/change.js'
import type { Change } from '../../store/change.js'
import type { Leases } from '../lease/leases.js'
import type { Timeouts } from '../lease/timeouts.js'
import { outgoingNoticeTable } from '../tables.js'
import { NOTICE, noticeText } from './notice.js'

export interface OutboxOptions {
  deals: Deals
  leases: Leases
  timeouts: Timeouts
  log: Logger
  now: () => number
  /** The lease of an agreement with this peer, also when it is over; throws DeclineError. */
  leaseOf(agreement: Buffer, peer: Counterparty): Lease
}

/** ms between two looks for buyers that have not heard. */
const LOOK = 30_000
/** Most buyers that are dialled at the same time. */
const AT_ONCE = 8

/**
 * What a provider has to say of its leases without being asked. A notice is on disk with what it tells, goes to the buyer of its
 * lease at once and whenever the two nodes meet, and is kept until the buyer has acknowledged it.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #backoff: KeyedBackoff
  readonly #poller: Poller
  /** By device: one that is met while it is told is not told twice at once. */
  readonly #telling = new KeyedMutex()
  /** Devices of buyers that had not heard at the last look, as hex. */
  #waiting = new Set<string>()

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#backoff = new KeyedBackoff(undefined, options.now)
    this.#poller = new Poller({
      look: signal => this.#look(signal),
      interval: LOOK,
      onerror: options.log.fault
    })
  }

  start(): void {
    void this.#poller.start()
  }

  /** What is not acknowledged yet stays on disk. */
  async close(): Promise<void> {
    await this.#poller.close()
    await this.#telling.idle()
  }

  /** The change that has the buyer told of the end of its lease, to be set with that end. */
  ended({ terms, reason }: Lease, debt: SignedDebt | null): Change {
    const agreement = agreementId(terms)
    const notice: Notice = {
      agreement,
      n: (this.#table.get(agreement)?.signed.notice.n ?? 0) + 1,
      kind: NOTICE.ended,
      at: this.#options.now(),
      text: noticeText(reason ?? ''),
      ...(debt ? { debt } : {})
    }
    const signed = { notice, signature: sign('notice', notice, this.#options.deals.self.device) }
    return change(outgoingNoticeTable, agreement, { buyer: terms.buyer.identity, signed })
  }

  /** Tells the buyer of a lease now, if it can be reached. */
  tell({ terms }: Lease): void {
    const { device } = this.#options.leases.buyerOf(terms)
    this.#waiting.add(device!.toString('hex'))
    if (this.#backoff.isDue(agreementId(terms))) void this.#reach(device!)
  }

  /** Greets a buyer that is connected, to tell it. */
  attached({ remotePublicKey: device }: Pick<NoiseStream, 'remotePublicKey'>): void {
    if (this.#waiting.has(device.toString('hex'))) void this.#reach(device)
  }

  /** Tells a buyer that has greeted this node. */
  async met({ peer }: DealChannel): Promise<void> {
    if (peer && this.#rowsFor(peer).length > 0) await this.#reach(peer.device)
  }

  /** The buyer has heard of it: of all, or of the notices up to number `n`. */
  async forget(agreement: Buffer, n = Infinity): Promise<void> {
    this.#backoff.reset(agreement)
    if (!this.#table.has(agreement)) return
    await this.#options.deals.store.set({
      apply: transaction =>
        transaction.update(outgoingNoticeTable, agreement, row =>
          row && row.signed.notice.n > n ? row : null
        )
    })
  }

  async #look(signal: AbortSignal): Promise<void> {
    const due = new Set<string>()
    this.#waiting = new Set()
    for (const { key } of this.#table.list()) {
      const lease = this.#options.leases.get('provider', key)
      if (!lease) continue
      const device = this.#options.leases.buyerOf(lease.terms).device!.toString('hex')
      this.#waiting.add(device)
      if (this.#backoff.isDue(key)) due.add(device)
    }
    const devices = [...due].map(device => Buffer.from(device, 'hex'))
    const reachNext = async (): Promise<void> => {
      for (let device = devices.pop(); device && !signal.aborted; device = devices.pop())
        await this.#reach(device)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, reachNext))
  }

  /** Tells a buyer that can be reached; what it does not answer, or declines, it is told again later. */
  async #reach(device: Buffer): Promise<void> {
    const { deals, timeouts, log } = this.#options
    const { signal } = this.#poller
    try {
      // A buyer has greeted us only once it has our own hello: before, it takes no request.
      const channel = await deals.open(device, { timeoutMs: timeouts.connect, signal, knownOnly: true })
      const peer = channel.peer!
      await this.#telling.run(device.toString('hex'), async () => {
        for (const signed of this.#rowsFor(peer)) await this.#tell(channel, signed).catch(unlessDeclined)
      })
    } catch (error) {
      if (!signal.aborted && isOurs(error)) log.fault(error)
    }
  }

  async #tell(channel: DealChannel, signed: SignedNotice): Promise<void> {
    const { timeouts } = this.#options
    const asked = channel.request('notice', signed, { timeoutMs: timeouts.answer })
    await unlessAborted(asked, this.#poller.signal)
    await this.forget(signed.notice.agreement!, signed.notice.n)
  }

  /** What a peer is to be told: it has to be the buyer of the lease. */
  #rowsFor(peer: Counterparty): SignedNotice[] {
    const isBuyer = (agreement: Buffer): boolean => {
      try {
        this.#options.leaseOf(agreement, peer)
        return true
      } catch (error) {
        if (error instanceof DeclineError) return false
        throw error
      }
    }
    return [...this.#table.by('buyer', { under: peer.identity })]
      .filter(({ key }) => isBuyer(key))
      .map(({ value }) => value.signed)
  }

  get #table() {
    return this.#options.deals.store.table(outgoingNoticeTable)
  }
}
