import { EventEmitter } from 'node:events'
import type { Notice, SignedNotice } from '#spec'
import { isBlamed } from '../../../contracts/errors/error.js'
import { verify } from '../../../contracts/keys/signature.js'
import { NOTICES } from '../../base/bounds/bounds.js'
import type { Logger } from '../../base/logger.js'
import { KeyedMutex } from '../../base/mutex.js'
import { KeyedTokenBuckets } from '../../base/token-bucket.js'
import type { Answer, Counterparty } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import { change } from '../../store/change.js'
import { BuyerLease } from '../buyer/buyer-lease.js'
import type { BuyerLeaseContext } from '../buyer/buyer-lease.js'
import { isOver } from '../lease/lease-state.js'
import { heardNoticeTable } from '../tables.js'
import { MOST_NOTICE_TEXT, NOTICE, textOfNotice } from './notice.js'

/** Leases whose rate of notices is remembered. */
const MOST_REMEMBERED = 4096

/**
 * What providers say of the leases that this node bought. An answer is given when what was said is on disk. Event: `ended` when a
 * provider has ended a lease.
 */
export class Inbox extends EventEmitter {
  readonly #context: BuyerLeaseContext
  readonly #log: Logger
  readonly #turns = new KeyedMutex()
  /** By lease. */
  readonly #rate = new KeyedTokenBuckets(NOTICES, MOST_REMEMBERED)

  constructor(context: BuyerLeaseContext, log: Logger) {
    super()
    this.#context = context
    this.#log = log
  }

  async hear(signed: SignedNotice, peer: Counterparty): Promise<Answer<'notice'>> {
    const { notice, signature } = signed
    const lease = this.#context.leases.get('buyer', notice.agreement!)
    if (!lease?.terms.provider.device!.equals(peer.device))
      throw new DeclineError('NO_AGREEMENT', 'this node has no such agreement with this provider')
    if (!this.#rate.charge(notice.agreement!))
      throw new DeclineError('NOTICE', 'too many notices of that lease; send it again in a minute')
    if (Buffer.byteLength(notice.text) > MOST_NOTICE_TEXT)
      throw new DeclineError('NOTICE', `its text is longer than ${MOST_NOTICE_TEXT} bytes`)
    if (!verify('notice', notice, signature!, peer.device))
      throw new DeclineError('SIGNATURE', 'the signature on the notice is not valid')
    await this.#turns.run(notice.agreement!.toString('hex'), () => this.#take(signed))
    return { body: { ok: 1 } }
  }

  async #take(signed: SignedNotice): Promise<void> {
    const { leases, deals } = this.#context
    const { notice } = signed
    const agreement = notice.agreement!
    if (isOver(leases.get('buyer', agreement)!)) return
    const last = deals.store.table(heardNoticeTable).get(agreement)?.notice.n ?? 0
    if (notice.n < last) throw new DeclineError('NOTICE', `this node has heard notice ${last} of that lease`)
    if (notice.kind === NOTICE.ended) return this.#ended(notice)
    if (notice.n === last) return
    await deals.store.set(change(heardNoticeTable, agreement, signed))
    this.#log.warn('a provider says of a lease', { lease: agreement, text: textOfNotice(notice) })
  }

  async #ended(notice: Notice): Promise<void> {
    const said = textOfNotice(notice)
    const lease = notice.agreement!
    try {
      await new BuyerLease(this.#context, lease).endedBy(
        `the provider ended it${said ? `, and says: ${said}` : ''}`,
        notice
      )
    } catch (error) {
      if (!isBlamed(error)) throw error
      this.#log.fault(error)
    }
    this.#log.warn('a provider ended a lease', { lease, text: said })
    this.emit('ended')
  }
}
