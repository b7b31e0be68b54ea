import * as v from 'valibot'
import type { Lease, MirrorJob } from '#spec'
import { BushelError, isBlamed, isOurs } from '../../../../contracts/errors/error.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { ceilDiv } from '../../../../contracts/money/money.js'
import { chargeOf } from '../../../../contracts/money/installments.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import { trustedNow } from '../../../base/time/trusted-time.js'
import { nameOf } from '../../../base/states.js'
import type { Store } from '../../../store/store.js'
import { Ledger } from '../../../payment/ledger.js'
import { findMirror, mirrorsOf, nameOfMirror } from '../../../storage/buyer/mirror-names.js'
import { healthOf } from '../../../storage/lease/challenge.js'
import type { Health } from '../../../storage/lease/challenge.js'
import { isOver } from '../../../storage/lease/lease-state.js'
import { Leases, atRiskOf, endOf, idOf, installmentsOf, paidUntil } from '../../../storage/lease/leases.js'
import { BuyerLease } from '../../../storage/buyer/buyer-lease.js'
import { payAt } from '../../../storage/buyer/maintenance.js'
import { isGone } from '../../../storage/buyer/passing.js'
import { ledgerOf } from '../../backend.js'
import { readingStore } from '../../home-store.js'
import { call, callWithDryRun, dry, reading } from '../definition/call.js'
import type { OfflineHome } from '../definition/call.js'
import {
  bytes,
  decimal,
  fields,
  flag,
  key,
  listed,
  maybe,
  moment,
  msat,
  oneOf,
  said,
  storagePrice,
  text,
  whole
} from '../definition/schema.js'

/** A mirror that is over is listed for so long, ms. */
const TOLD = 30 * DAY

const MIRROR_NAME = text(1, 64, 'name of the mirror')
const asked = text(1, 64, 'name of the mirror, or the beginning of its id')
const HEALTH = ['uploading', 'healthy', 'unanswered', 'failing', 'gone', 'over'] as const
const NEXT = ['upload', 'pay', 'end', 'ended'] as const
const count = (about: string) => whole(0, Number.MAX_SAFE_INTEGER, about)

const overview = {
  id: said('id of the mirror, hex'),
  name: said('its name'),
  path: said('what was mirrored'),
  bytes: bytes('size of the files'),
  copies: v.pipe(
    fields({
      wanted: count('copies that were asked for'),
      healthy: count('copies that are stored and have answered their audits'),
      failing: count('copies whose provider fails or is gone')
    }),
    v.description('how its copies stand')
  ),
  paidUntil: moment('until when every copy that is not over is paid; 0: none is'),
  ends: moment('end of what is agreed; 0: nothing is'),
  monthMsat: msat('what its copies cost in 30 days'),
  atRiskMsat: msat('paid ahead and not yet served'),
  next: v.pipe(
    fields({
      what: oneOf(NEXT, 'its upload goes on, an installment is paid, it ends, or it has ended'),
      at: moment('when; 0: with the next command')
    }),
    v.description('the next step')
  )
}
const copy = fields({
  id: key('id of the lease'),
  provider: key('device of the provider'),
  state: said('state of the lease'),
  health: oneOf(HEALTH, 'how the copy stands by its audits'),
  why: maybe(said('why it fails or is over')),
  price: storagePrice('its price'),
  lastAudit: moment('when it last proved what it was asked for; 0: never'),
  paidUntil: moment('end of what is paid'),
  ends: moment('end of what is agreed'),
  egress: bytes('what readers may fetch of it in all')
})
const result = {
  ok: flag('true: every stored copy has proven what it was asked for'),
  copies: listed(
    fields({
      lease: key('id of the lease'),
      result: oneOf(['held', 'failed', 'silent', 'away'], 'how its audit ended'),
      why: maybe(said('what went wrong')),
      samples: count('blocks that were asked for'),
      ms: decimal(0, Number.MAX_SAFE_INTEGER, 'how long it took, ms')
    }),
    'the copies that are stored'
  )
}

export const KEPT_MIRROR_CALLS = {
  mirrors: reading(
    {
      summary: 'lists the mirrors of this node, the newest first; those that are over for 30 days',
      result: { mirrors: listed(fields(overview), 'the mirrors') }
    },
    {
      run: async node => ({ mirrors: new MirrorView(node.store, (await node.trade()).ledger).list() }),
      offline: async home => reads(home, view => ({ mirrors: view.list() }))
    }
  ),
  'mirrors.show': call(
    {
      summary: 'shows one mirror with its copies and its link',
      params: { mirror: asked },
      result: { ...overview, link: said('its link'), leases: listed(copy, 'its copies, the newest first') },
      changes: false,
      needs: 'node'
    },
    async (node, params) => {
      const view = new MirrorView(node.store, (await node.trade()).ledger)
      const job = findMirror(node.store, params.mirror)
      const leases = view
        .leasesOf(job)
        .map(lease => view.copy(lease))
        .reverse()
      return { ...view.overview(job), link: job.link, leases }
    }
  ),
  'mirrors.check': call(
    {
      summary: 'audits every stored copy of a mirror now',
      params: { mirror: asked },
      result,
      changes: true,
      needs: 'node'
    },
    async (node, params, { signal }) => {
      const { storage, ledger } = await node.trade()
      const view = new MirrorView(node.store, ledger)
      const stored = view
        .leasesOf(findMirror(node.store, params.mirror))
        .filter(lease => !['uploading', 'over'].includes(view.health(lease)))
      if (stored.length === 0)
        throw new BushelError('NOT_FOUND', `no copy of '${params.mirror}' is stored`, 'see: bushel mirrors')
      const copies = await Promise.all(
        stored.map(({ terms }) => checked(new BuyerLease(storage.context, agreementId(terms)), signal))
      )
      return { ok: copies.every(one => one.result === 'held'), copies }
    }
  ),
  'mirrors.rename': callWithDryRun(
    {
      summary: 'gives a mirror another name',
      params: { mirror: asked, name: MIRROR_NAME },
      result: { id: said('id of the mirror, hex'), name: said('its name') },
      changes: true,
      needs: 'node'
    },
    async (node, params) => {
      const job = findMirror(node.store, params.mirror)
      if (!params.dryRun) await (await node.trade()).storage.mirrors.rename(job, params.name)
      return dry(params, { id: job.store, name: params.name })
    }
  )
}

type Overview = v.InferOutput<ReturnType<typeof fields<typeof overview>>>
type CopyEntry = v.InferOutput<typeof copy>
type Checked = v.InferOutput<ReturnType<typeof fields<typeof result>>>['copies'][number]

async function reads<T>(home: OfflineHome, work: (view: MirrorView) => T): Promise<T> {
  const wallet = ledgerOf(home.wallet)
  return readingStore(home.dir, store => work(new MirrorView(store, new Ledger(store, wallet))))
}

/** The mirrors of a home as they stand at one moment. */
class MirrorView {
  readonly #store: Store
  readonly #ledger: Ledger
  readonly #leases: Leases
  readonly #now = trustedNow()

  constructor(store: Store, ledger: Ledger) {
    this.#store = store
    this.#ledger = ledger
    this.#leases = new Leases(store)
  }

  list(): Overview[] {
    return mirrorsOf(this.#store)
      .map(job => this.overview(job))
      .filter(({ next }) => next.what !== 'ended' || this.#now - next.at < TOLD)
  }

  leasesOf({ agreements }: MirrorJob): Lease[] {
    return agreements.map(id => this.#leases.get('buyer', id!)).filter(lease => lease !== null)
  }

  overview(job: MirrorJob): Overview {
    const leases = this.leasesOf(job)
    const open = leases.filter(lease => !isOver(lease))
    const healths = open.map(lease => this.health(lease))
    const month = open.reduce((sum, { terms }) => sum + monthOf(terms), 0n)
    const atRisk = open.reduce((sum, lease) => sum + atRiskOf(lease, this.#paid(lease), this.#now), 0n)
    return {
      id: job.store,
      name: nameOfMirror(job),
      path: job.path,
      bytes: job.bytes,
      copies: {
        wanted: job.copies,
        healthy: healths.filter(one => one === 'healthy').length,
        failing: healths.filter(one => one === 'failing' || one === 'gone').length
      },
      paidUntil: earliest(open.map(lease => paidUntil(lease, this.#paid(lease)))),
      ends: earliest(open.map(endOf)),
      monthMsat: month.toString(),
      atRiskMsat: atRisk.toString(),
      next: this.#next(job, leases, open)
    }
  }

  health(lease: Lease): Health {
    return healthOf(lease, this.#leases.auditOf(agreementId(lease.terms)), this.#now)
  }

  copy(lease: Lease): CopyEntry {
    const { terms, state, audited, reason } = lease
    const why = this.#leases.auditOf(agreementId(terms)).failing || reason
    return {
      id: idOf(lease),
      provider: formatKey(terms.provider.device!),
      state: nameOf(state),
      health: this.health(lease),
      ...(why ? { why } : {}),
      price: terms.price.toString(),
      lastAudit: audited ?? 0,
      paidUntil: paidUntil(lease, this.#paid(lease)),
      ends: endOf(lease),
      egress: terms.egressBytes
    }
  }

  /** The next thing that happens to a mirror. */
  #next(job: MirrorJob, leases: readonly Lease[], open: readonly Lease[]): Overview['next'] {
    if (open.length === 0 && leases.length > 0) return { what: 'ended', at: Math.max(...leases.map(endOf)) }
    const uploads = open.some(lease => this.health(lease) === 'uploading')
    if (uploads || open.length < job.copies) return { what: 'upload', at: 0 }
    const payments = open.flatMap(lease => {
      const next = installmentsOf(lease)[this.#paid(lease)]
      return next ? [payAt(lease, next)] : []
    })
    return payments.length > 0
      ? { what: 'pay', at: Math.min(...payments) }
      : { what: 'end', at: earliest(open.map(endOf)) }
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

/** Audits one copy now. */
async function checked(lease: BuyerLease, signal: AbortSignal): Promise<Checked> {
  const begun = performance.now()
  const done = (result: Checked['result'], why?: string): Checked => ({
    lease: formatKey(lease.id),
    result,
    ...(why ? { why } : {}),
    samples,
    ms: performance.now() - begun
  })
  let samples = 0
  try {
    samples = await lease.check(signal)
    return done('held')
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof BushelError) || isOurs(error)) throw error
    samples = lease.challenged
    return done(isBlamed(error) ? 'failed' : isGone(error) ? 'away' : 'silent', error.message)
  }
}
