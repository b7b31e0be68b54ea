import type * as v from 'valibot'
import { BushelError, isBlamed, isOurs } from '../../../../contracts/errors/error.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { agreementId } from '../../../../contracts/terms.js'
import { BuyerLease } from '../../../storage/buyer/buyer-lease.js'
import type { BuyerLeaseContext } from '../../../storage/buyer/buyer-lease.js'
import { MOST_NAME } from '../../../storage/buyer/mirror-names.js'
import { isGone } from '../../../storage/buyer/passing.js'
import { isDeclined } from '../../../deal/decline.js'
import { afterFailure } from '../../../storage/buyer/upkeep/failure.js'
import { Ledger } from '../../../payment/ledger.js'
import { ledgerOf } from '../../backend.js'
import { readingStore } from '../../home-store.js'
import { call, callWithDryRun, dry, reading } from '../definition/call.js'
import type { OfflineHome } from '../definition/call.js'
import { count, decimal, fields, flag, key, listed, maybe, oneOf, said, text } from '../definition/schema.js'
import { MIRROR_COPY, MIRROR_OVERVIEW, MirrorView } from './mirror-view.js'

const name = text(1, MOST_NAME, 'name of the mirror')
const asked = text(1, MOST_NAME, 'name of the mirror, or the beginning of its id')
const result = {
  ok: flag('true: every stored copy has proven what it was asked for'),
  copies: listed(
    fields({
      lease: key('id of the lease'),
      result: oneOf(['held', 'failed', 'silent', 'away'], 'how its audit ended'),
      why: maybe(said('what went wrong')),
      samples: count(
        'samples that were proven; of an audit that did not hold, the blocks or tokens that were asked for'
      ),
      ms: decimal(0, Number.MAX_SAFE_INTEGER, 'how long it took, ms')
    }),
    'the copies that are stored'
  )
}

export const KEPT_MIRROR_CALLS = {
  mirrors: reading(
    {
      summary:
        'lists the mirrors of this node, the newest first; those that are over for 3 days, and while something is owed for them',
      result: { mirrors: listed(fields(MIRROR_OVERVIEW), 'the mirrors') }
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
      result: {
        ...MIRROR_OVERVIEW,
        link: said('its link'),
        leases: listed(MIRROR_COPY, 'its copies, the newest first')
      },
      changes: false,
      needs: 'node'
    },
    async (node, params) => {
      const view = new MirrorView(node.store, (await node.trade()).ledger)
      const job = view.find(params.mirror)
      const leases = view.leasesOf(job)
      const copies = leases.map(lease => view.copy(lease)).reverse()
      return { ...view.overview(job, leases), link: job.link, leases: copies }
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
      storage.taking.demandHere()
      const view = new MirrorView(node.store, ledger)
      const stored = view
        .leasesOf(view.find(params.mirror))
        .filter(lease => !['uploading', 'over'].includes(view.health(lease)))
      if (stored.length === 0)
        throw new BushelError('NOT_FOUND', `no copy of '${params.mirror}' is stored`, 'see: bushel mirrors')
      const copies = await Promise.all(
        stored.map(({ terms }) =>
          checked(new BuyerLease(storage.context, agreementId(terms)), storage.context, signal)
        )
      )
      const ok = copies.every(one => one.result === 'held')
      if (!ok) {
        storage.mirrorUpkeep?.poke()
        storage.maintenance?.poke()
      }
      return { ok, copies }
    }
  ),
  'mirrors.rename': callWithDryRun(
    {
      summary: 'gives a mirror another name',
      params: { mirror: asked, name },
      result: { id: said('id of the mirror, hex'), name: said('its name') },
      changes: true,
      needs: 'node'
    },
    async (node, params) => {
      const { storage, ledger } = await node.trade()
      const { store: id } = new MirrorView(node.store, ledger).find(params.mirror)
      if (params.dryRun) storage.mirrors.checkName(id, params.name)
      else await storage.mirrors.rename(id, params.name)
      return dry(params, { id, name: params.name })
    }
  )
}

type Checked = v.InferOutput<ReturnType<typeof fields<typeof result>>>['copies'][number]

async function reads<T>(home: OfflineHome, work: (view: MirrorView) => T): Promise<T> {
  const wallet = ledgerOf(home.wallet)
  return readingStore(home.dir, store => work(new MirrorView(store, new Ledger(store, wallet))))
}

/** Audits one copy now. */
async function checked(
  lease: BuyerLease,
  { deals }: BuyerLeaseContext,
  signal: AbortSignal
): Promise<Checked> {
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
    await afterFailure(deals.experiences, lease, error)
    const hasFailed = isBlamed(error) || isDeclined(error, 'ENDED', 'NO_AGREEMENT')
    return done(hasFailed ? 'failed' : isGone(error) ? 'away' : 'silent', error.message)
  }
}
