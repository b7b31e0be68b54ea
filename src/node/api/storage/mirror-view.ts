import * as v from 'valibot'
import type { Lease, MirrorJob } from '#spec'
import { formatKey } from '../../../../contracts/keys/key.js'
import { ceilDiv } from '../../../../contracts/money/money.js'
import { chargeOf } from '../../../../contracts/money/installments.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import { trustedNow } from '../../../base/time/trusted-time.js'
import { nameOf } from '../../../base/states.js'
import type { Store } from '../../../store/store.js'
import { Debts } from '../../../payment/debts.js'
import type { Ledger } from '../../../payment/ledger.js'
import { isOwed } from '../../../storage/buyer/refunds.js'
import { takingTable } from '../../../storage/tables.js'
import { leftBy } from '../../../storage/takeover/leaving.js'
import {
  findMirror,
  isLongOver,
  leasesOf,
  mirrorsOf,
  nameOfMirror
} from '../../../storage/buyer/mirror-names.js'
import { MIRROR, isResting } from '../../../storage/buyer/mirror-state.js'
import { copiesOf } from '../../../storage/buyer/upkeep/copies.js'
import { renewAt } from '../../../storage/buyer/upkeep/extending.js'
import { unseenOdds } from '../../../storage/lease/challenge.js'
import type { Health } from '../../../storage/lease/challenge.js'
import { egressLeftOf } from '../../../storage/lease/egress.js'
import { LEASE, isGivenUp, isOver } from '../../../storage/lease/lease-state.js'
import {
  ENDED_BY_OWNER,
  Leases,
  atRiskOf,
  endOf,
  idOf,
  installmentsOf,
  paidUntil
} from '../../../storage/lease/leases.js'
import { textOfNotice } from '../../../storage/notices/notice.js'
import { heardNoticeTable } from '../../../storage/tables.js'
import { aheadOfLease } from '../../../storage/buyer/placing/ahead.js'
import { payAt } from '../../../storage/buyer/upkeep/maintenance.js'
import {
  bytes,
  count,
  fields,
  flag,
  key,
  maybe,
  moment,
  msat,
  oneOf,
  said,
  storagePrice
} from '../definition/schema.js'

/** A mirror that is over is listed for so long, ms, and while something is owed for it. */
const TOLD = 3 * DAY

const HEALTH = ['uploading', 'next', 'healthy', 'unanswered', 'failing', 'gone', 'over'] as const
const NEXT = ['upload', 'offers', 'replace', 'pay', 'renew', 'end', 'ended', 'lost', 'taken'] as const

export const MIRROR_OVERVIEW = {
  id: said('id of the mirror, hex'),
  name: said('its name'),
  path: said('what was mirrored'),
  bytes: bytes('size of the files'),
  copies: v.pipe(
    fields({
      wanted: count('copies that were asked for'),
      healthy: count('copies that are stored and have answered their audits'),
      failing: count('copies that are lost or fail, and are not replaced yet')
    }),
    v.description('how its copies stand')
  ),
  paidUntil: moment('until when every copy that is not over is paid; 0: none is'),
  ends: moment('end of what is agreed; 0: nothing is'),
  renew: flag('true: it is extended by itself, as long as this node is up'),
  monthMsat: msat('what its copies cost in 30 days'),
  atRiskMsat: msat('paid ahead and not yet served'),
  next: v.pipe(
    fields({
      what: oneOf(
        NEXT,
        'its upload goes on, its bid waits for offers, a lost copy is replaced, an installment is paid, it is extended, it ends, it has ended, all its copies are lost, or another device of the owner has taken it over'
      ),
      at: moment('when; 0: with the next command, when an offer fits, or before its time')
    }),
    v.description('the next step')
  )
}
const odds = (of: string) =>
  v.pipe(
    v.number(),
    v.minValue(0),
    v.maxValue(1),
    v.description(`odds ${of} by the audits of the last 30 days, when it is older than these`)
  )

export const MIRROR_COPY = fields({
  id: key('id of the lease'),
  provider: key('device of the provider'),
  state: said('state of the lease'),
  health: oneOf(HEALTH, 'how the copy stands by its audits'),
  why: maybe(said('why it fails or is over')),
  notice: maybe(
    v.pipe(
      fields({
        at: moment('when it was signed, by the clock of its provider; never later than now'),
        text: said('what it says')
      }),
      v.description('what its provider has said last of a lease that goes on')
    )
  ),
  price: storagePrice('its price'),
  lastAudit: moment('when it last proved what it was asked for; 0: never'),
  unseen1pct: odds('that a loss of 1 % of the copy went unseen'),
  unseen01pct: odds('that a loss of 0.1 % went unseen'),
  paidUntil: moment('end of what is paid'),
  ends: moment('end of what is agreed'),
  egress: v.pipe(
    fields({
      readers: bytes('what readers may still fetch'),
      owner: bytes('what this node may still fetch beside that, until it is refilled')
    }),
    v.description('what is left to fetch of it, by the last word of its provider')
  )
})
type Overview = v.InferOutput<ReturnType<typeof fields<typeof MIRROR_OVERVIEW>>>
type CopyEntry = v.InferOutput<typeof MIRROR_COPY>

type Chain = readonly [first: Lease, next: Lease | null]

/** The mirrors of a home as they stand at one moment. */
export class MirrorView {
  readonly #store: Store
  readonly #ledger: Ledger
  readonly #leases: Leases
  readonly #debts: Debts
  readonly #now = trustedNow()

  constructor(store: Store, ledger: Ledger) {
    this.#store = store
    this.#ledger = ledger
    this.#leases = new Leases(store)
    this.#debts = new Debts(store, ledger)
  }

  list(): Overview[] {
    return mirrorsOf(this.#store, this.#leases)
      .filter(job => !isLongOver(job, this.#now))
      .map(job => ({ job, leases: this.leasesOf(job) }))
      .filter(({ leases }) => leases.length === 0 || leases.some(lease => this.#isListed(lease)))
      .map(({ job, leases }) => this.overview(job, leases))
  }

  /** Whether a lease has its mirror listed. */
  #isListed(lease: Lease): boolean {
    const id = agreementId(lease.terms)
    return this.#overAt(lease) + TOLD > this.#now || isOwed(this.#debts, id)
  }

  /** When a lease is over, ms since 1970. */
  #overAt(lease: Lease): number {
    const isEnded = isOver(lease) && lease.reason?.startsWith(ENDED_BY_OWNER)
    // The debt is signed when the lease is ended.
    const debt = isEnded ? this.#debts.get('creditor', agreementId(lease.terms)) : null
    return Math.min(endOf(lease), debt?.debt.debt.at ?? Infinity)
  }

  /** See `findMirror`. */
  find(asked: string): MirrorJob {
    return findMirror(this.#store, this.#leases, asked)
  }

  leasesOf(job: MirrorJob): Lease[] {
    return leasesOf(job, this.#leases)
  }

  overview(job: MirrorJob, leases: readonly Lease[]): Overview {
    const open = leases.filter(lease => !isGivenUp(lease))
    const { living, failed, missing } = copiesOf(job, this.#leases, this.#now)
    const kept = [...living, ...failed.filter(lease => !isGivenUp(lease))]
    const chains = kept.map(lease => this.#chainOf(lease))
    const month = chains.reduce((sum, [{ terms }]) => sum + monthOf(terms), 0n)
    const atRisk = open.reduce((sum, lease) => sum + atRiskOf(lease, this.#paid(lease), this.#now), 0n)
    return {
      id: job.store,
      name: nameOfMirror(job),
      path: job.path,
      bytes: job.bytes,
      copies: {
        wanted: job.copies,
        healthy: chains.map(([first]) => first).filter(lease => this.health(lease) === 'healthy').length,
        failing: Math.min(failed.length, missing)
      },
      paidUntil: earliest(chains.map(chain => this.#paidUntil(chain))),
      ends: earliest(chains.map(([first, next]) => endOf(next ?? first))),
      renew: job.renew === 1,
      monthMsat: month.toString(),
      atRiskMsat: atRisk.toString(),
      next: this.#next(job, leases, chains, missing)
    }
  }

  health(lease: Lease): Health {
    return this.#leases.health(lease)
  }

  copy(lease: Lease): CopyEntry {
    const { terms, state, audited, reason } = lease
    const audits = this.#leases.auditOf(agreementId(terms))
    const why = audits.failing || reason || this.#whyWaiting(lease)
    const said = this.#store.table(heardNoticeTable).get(agreementId(terms))?.notice
    return {
      id: idOf(lease),
      provider: formatKey(terms.provider.device!),
      state: nameOf(state),
      health: this.health(lease),
      ...(why ? { why } : {}),
      ...(said ? { notice: { at: Math.min(said.at, this.#now), text: textOfNotice(said) } } : {}),
      price: terms.price.toString(),
      lastAudit: audited ?? 0,
      unseen1pct: unseenOdds(audits, 0.01, this.#now),
      unseen01pct: unseenOdds(audits, 0.001, this.#now),
      paidUntil: paidUntil(lease, this.#paid(lease)),
      ends: endOf(lease),
      egress: isGivenUp(lease)
        ? { readers: 0, owner: 0 }
        : egressLeftOf(terms, this.#leases.egressOf(agreementId(terms)))
    }
  }

  /** Of a copy that this device takes over. */
  #whyWaiting({ terms }: Lease): string | null {
    const [row] = this.#store.table(takingTable).list({ under: [terms.provider.device!] })
    return row ? 'its provider has not been reached since this device took the mirror over' : null
  }

  /** The next thing that happens to a mirror. */
  #next(
    job: MirrorJob,
    leases: readonly Lease[],
    chains: readonly Chain[],
    missing: number
  ): Overview['next'] {
    if (leftBy(this.#store)) return { what: 'taken', at: 0 }
    if (isResting(job)) return { what: 'offers', at: 0 }
    if (job.state === MIRROR.PACKED) return { what: 'upload', at: 0 }
    if (chains.length === 0 && missing > 0) return { what: 'lost', at: 0 }
    if (chains.length === 0) {
      const last = Math.max(0, ...leases.map(endOf))
      return { what: 'ended', at: last <= this.#now ? last : 0 }
    }
    if (missing > 0 || chains.some(([{ start }]) => start === 0)) return { what: 'replace', at: 0 }
    const payments = chains
      .flatMap(chain => chain.filter(lease => lease !== null))
      .flatMap(lease => {
        const next = installmentsOf(lease)[this.#paid(lease)]
        return next ? [payAt(lease, next, aheadOfLease(job, lease, this.#leases))] : []
      })
    if (payments.length > 0) return { what: 'pay', at: Math.min(...payments) }
    const renewed = job.renew === 1 ? chains.map(([first, next]) => renewAt(next ?? first)) : []
    return renewed.length > 0
      ? { what: 'renew', at: Math.min(...renewed) }
      : { what: 'end', at: earliest(chains.map(([first, next]) => endOf(next ?? first))) }
  }

  /** A lease that runs, with the sealed one that follows it. */
  #chainOf(lease: Lease): Chain {
    const next = this.#leases.successorOf('buyer', agreementId(lease.terms))
    return [lease, next?.state === LEASE.NEXT ? next : null]
  }

  #paidUntil([first, next]: Chain): number {
    const isPaidOut = this.#paid(first) === installmentsOf(first).length
    const last = isPaidOut && next ? next : first
    return paidUntil(last, this.#paid(last))
  }

  #paid(lease: Lease): number {
    return this.#ledger.contiguous(agreementId(lease.terms))
  }
}

/** 0 for none. */
function earliest(times: readonly number[]): number {
  return times.length > 0 ? Math.min(...times) : 0
}

/** What a lease costs in 30 days, msat. */
function monthOf(terms: Lease['terms']): bigint {
  return ceilDiv(chargeOf(terms) * BigInt(30 * DAY), BigInt(terms.time))
}
