import type * as v from 'valibot'
import type { Lease, MirrorJob } from '#spec'
import { BushelError, isOurs } from '../../../../contracts/errors/error.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { billedBytes, totalCharge } from '../../../../contracts/money/money.js'
import { consumedMsat } from '../../../../contracts/money/refund.js'
import { agreementId } from '../../../../contracts/terms.js'
import { nameOf } from '../../../base/states.js'
import { nullLogger } from '../../../base/logger.js'
import { BuyerLease } from '../../../storage/buyer/buyer-lease.js'
import { MOST_NAME, nameOfMirror } from '../../../storage/buyer/mirror-names.js'
import { MIRROR } from '../../../storage/buyer/mirror-state.js'
import { copiesOf } from '../../../storage/buyer/upkeep/copies.js'
import { Extending } from '../../../storage/buyer/upkeep/extending.js'
import type { Extended } from '../../../storage/buyer/upkeep/extending.js'
import { loggedBy } from '../../../storage/buyer/upkeep/logged.js'
import { aheadIn } from '../../../storage/buyer/placing/ahead.js'
import { Renewal } from '../../../storage/buyer/upkeep/renewal.js'
import { LEASE, isGivenUp } from '../../../storage/lease/lease-state.js'
import { ENDED_BY_OWNER, endOf } from '../../../storage/lease/leases.js'
import type { Trade } from '../../trade/trade.js'
import { callWithDryRun, dry } from '../definition/call.js'
import {
  duration,
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
  text
} from '../definition/schema.js'
import { marketOf } from '../markets.js'
import { MirrorView } from './mirror-view.js'
import { REFUND_WAIT } from './leases.js'
import { BOOK_WAIT, mirrorListener } from './mirrors.js'

const asked = text(1, MOST_NAME, 'name of the mirror, or the beginning of its id')
const maxPrice = maybe(storagePrice('highest price; absent: any'))
const WHO = { id: said('id of the mirror, hex'), name: said('its name') }

const extension = fields({
  lease: key('id of the lease that ends'),
  provider: key('device of its provider'),
  result: oneOf(['extended', 'failed'], 'whether the copy is kept on; in a dry run whether it would be'),
  why: maybe(said('what went wrong')),
  next: maybe(key('id of the lease that follows')),
  ends: moment('until when the copy is agreed now; in a dry run: would be'),
  price: storagePrice('price of what follows; 0 where it failed')
})
type ExtensionEntry = v.InferOutput<typeof extension>

/** Mirrors that last: extended, renewed by themselves, and ended. */
export const LASTING_MIRROR_CALLS = {
  'mirrors.extend': callWithDryRun(
    {
      summary: 'keeps every copy of a mirror for longer, at its provider and without an upload',
      params: { mirror: asked, time: duration('how much longer'), maxPrice },
      result: {
        ...WHO,
        ok: flag('true: every copy is extended'),
        copies: listed(extension, 'its copies'),
        chargeMsat: msat('what the extension costs over its whole time'),
        restMsat: msat('what was left to pay until the end, which is paid first'),
        paidMsat: msat('paid now, with what was left to pay until the end; 0 in a dry run')
      },
      events: ['note', 'payment'],
      changes: true,
      needs: 'node'
    },
    async (node, params, context) => {
      const { storage, ledger } = await node.trade()
      const { mirrors, leases, taking } = storage
      taking.demandHere()
      const view = new MirrorView(node.store, ledger)
      const { store: id } = view.find(params.mirror)
      const how = {
        time: params.time,
        maxPrice: params.maxPrice === undefined ? null : BigInt(params.maxPrice)
      }
      const listener = mirrorListener(context)
      return mirrors.inTurn(id, async () => {
        const job = mirrors.get(id)!
        if (job.state !== MIRROR.KEPT)
          throw new BushelError(
            'BAD_INPUT',
            `'${nameOfMirror(job)}' is not kept by all its providers yet`,
            'run the same mirror again first'
          )
        await marketOf(node, formatKey(job.market)).inStep({ timeoutMs: BOOK_WAIT })
        const { living, grace } = copiesOf(job, leases, mirrors.placing.now())
        const stored = [...living.filter(isStored), ...grace]
        if (stored.length === 0)
          throw new BushelError('NOT_FOUND', `no copy of '${params.mirror}' is stored`, 'see: bushel mirrors')
        const open = stored.filter(({ terms }) => {
          const next = leases.successorOf('buyer', agreementId(terms))
          return next?.state !== LEASE.NEXT
        })
        if (open.length === 0) throw extendedAlready(job, stored)
        if (params.dryRun) return dry(params, await foreseen(storage, job, open, how))
        const before = paidOf(ledger, job)
        const rest = restOf(storage, open)
        const all = await new Extending(mirrors, nullLogger).extend(job, open, how, listener, context.signal)
        const next = all.flatMap(one => (one.next ? [one.next] : []))
        return dry(params, {
          id,
          name: nameOfMirror(job),
          ok: next.length === all.length,
          copies: all.map(entryOf),
          chargeMsat: next.reduce((sum, copy) => sum + copy.chargeMsat, 0n).toString(),
          restMsat: rest.toString(),
          paidMsat: (paidOf(ledger, mirrors.get(id)!) - before).toString()
        })
      })
    }
  ),
  'mirrors.renew': callWithDryRun(
    {
      summary: 'turns on or off that a mirror is extended by itself before it ends',
      params: { mirror: asked, on: flag('true: it is extended, as long as this node is up'), maxPrice },
      result: { ...WHO, renew: flag('whether it is extended by itself') },
      changes: true,
      needs: 'node'
    },
    async (node, params) => {
      const { storage, ledger } = await node.trade()
      storage.taking.demandHere()
      const job = new MirrorView(node.store, ledger).find(params.mirror)
      const price = params.maxPrice === undefined ? null : BigInt(params.maxPrice)
      if (!params.dryRun) {
        await storage.mirrors.renew(job.store, params.on, price)
        storage.mirrorUpkeep?.poke()
      }
      return dry(params, { id: job.store, name: nameOfMirror(job), renew: params.on })
    }
  ),
  'mirrors.end': callWithDryRun(
    {
      summary: 'ends every lease of a mirror, and collects what was paid and not served',
      params: { mirror: asked },
      result: {
        ...WHO,
        leases: listed(
          fields({
            lease: key('id of the lease'),
            state: said(
              'its state; LAPSING: its provider is away, and is asked again as long as this node is up'
            ),
            refundedMsat: msat('paid back so far; in a dry run: what would be owed back')
          }),
          'the leases that were open'
        )
      },
      changes: true,
      needs: 'node'
    },
    async (node, params) => {
      const { storage, ledger } = await node.trade()
      storage.taking.demandHere()
      const view = new MirrorView(node.store, ledger)
      const { store: id } = view.find(params.mirror)
      const end = (): Promise<Ended> =>
        storage.mirrors.inTurn(id, async () => {
          const job = storage.mirrors.get(id)!
          const open = view.leasesOf(job).filter(lease => !isGivenUp(lease))
          const leases = await Promise.all(
            open.map(lease => endedOf(storage, ledger, lease, params.dryRun === true))
          )
          return { id, name: nameOfMirror(job), leases }
        })
      const { mirrorUpkeep: upkeep } = storage
      return dry(params, await (upkeep && !params.dryRun ? upkeep.without(id, end) : end()))
    }
  )
}

type Storage = Trade['storage']

interface Ended {
  id: string
  name: string
  leases: { lease: string; state: string; refundedMsat: string }[]
}

async function endedOf(
  { context, leases, refunds }: Storage,
  ledger: Trade['ledger'],
  { terms }: Lease,
  isDry: boolean
): Promise<Ended['leases'][number]> {
  const id = agreementId(terms)
  if (!isDry) {
    await new BuyerLease(context, id).giveUp(ENDED_BY_OWNER)
    // What does not come now is asked for later.
    if (leases.get('buyer', id)!.state === LEASE.ENDED)
      await refunds.settle(id, REFUND_WAIT).catch((error: unknown) => {
        if (isOurs(error)) throw error
      })
  }
  const { state, start, committed } = leases.get('buyer', id)!
  const { paidMsat, refundedMsat } = ledger.totals(id)
  const served = context.now() - (start || committed)
  const back = isDry ? paidMsat - consumedMsat(terms, served, paidMsat) : refundedMsat
  return { lease: formatKey(id), state: nameOf(state), refundedMsat: back.toString() }
}

function isStored({ state }: Lease): boolean {
  return state === LEASE.STORED
}

function entryOf({ before, next, error }: Extended): ExtensionEntry {
  return {
    lease: formatKey(agreementId(before.terms)),
    provider: formatKey(before.terms.provider.device!),
    result: next ? 'extended' : 'failed',
    ...(error ? { why: error.message } : {}),
    ...(next ? { next: formatKey(next.id) } : {}),
    ends: endOf(next?.lease ?? before),
    price: next ? next.lease.terms.price!.toString() : '0'
  }
}

/** What an extension would come to by the asks on the book. */
async function foreseen(
  storage: Storage,
  job: MirrorJob,
  copies: readonly Lease[],
  { time, maxPrice: highest }: { time: number; maxPrice: bigint | null }
): Promise<ForeseenExtension> {
  const listener = loggedBy(nullLogger, nameOfMirror(job))
  const renewal = new Renewal(storage.mirrors.placing, listener, async () => undefined)
  let charge = 0n
  const entries: ExtensionEntry[] = []
  for (const before of copies) {
    const entry = entryOf({ before, next: null })
    try {
      const how = { market: job.market, time, maxPrice: highest, ahead: aheadIn(job) }
      const ask = await renewal.askFor(before, how)
      const bytes = billedBytes(before.terms.cores)
      charge += totalCharge({ bytes, time, price: ask.price, minChargeMsat: ask.minChargeMsat })
      entries.push({ ...entry, result: 'extended', ends: entry.ends + time, price: ask.price.toString() })
    } catch (error) {
      if (!(error instanceof BushelError)) throw error
      entries.push({ ...entry, why: error.message })
    }
  }
  return {
    id: job.store,
    name: nameOfMirror(job),
    ok: entries.every(({ result }) => result === 'extended'),
    copies: entries,
    chargeMsat: charge.toString(),
    restMsat: restOf(storage, copies).toString(),
    paidMsat: '0'
  }
}

interface ForeseenExtension {
  id: string
  name: string
  ok: boolean
  copies: ExtensionEntry[]
  chargeMsat: string
  restMsat: string
  paidMsat: string
}

function restOf({ context }: Storage, copies: readonly Lease[]): bigint {
  return copies.reduce((sum, { terms }) => sum + new BuyerLease(context, agreementId(terms)).restMsat, 0n)
}

function paidOf(ledger: Trade['ledger'], { agreements }: MirrorJob): bigint {
  return agreements.reduce((sum, id) => sum + ledger.totals(id!).paidMsat, 0n)
}

function extendedAlready(job: MirrorJob, stored: readonly Lease[]): BushelError {
  const from = new Date(Math.min(...stored.map(endOf))).toISOString()
  return new BushelError(
    'IN_PROGRESS',
    `'${nameOfMirror(job)}' is extended already; what follows begins on ${from}`,
    'it can be extended again from then on'
  )
}
