import { resolve } from 'node:path'
import * as v from 'valibot'
import { formatKey } from '../../../../contracts/keys/key.js'
import { parseLink } from '../../../../contracts/keys/link.js'
import { MOST_NAME } from '../../../storage/buyer/mirror-names.js'
import type { MirrorListener, MirrorRequest } from '../../../storage/buyer/mirrors.js'
import { callWithDryRun, dry } from '../definition/call.js'
import type { CallContext } from '../definition/call.js'
import type { Progress } from '../definition/events.js'
import {
  bytes,
  count,
  decimal,
  duration,
  fields,
  flag,
  form,
  list,
  listed,
  market,
  maybe,
  moment,
  msat,
  path,
  said,
  storagePrice,
  text,
  whole
} from '../definition/schema.js'
import type { Values } from '../definition/schema.js'
import { marketOf } from '../markets.js'
import { demandOffer } from '../prices.js'
import { restoreLink } from './restore.js'

/** How long a call waits for the book, ms. */
export const BOOK_WAIT = 10_000
const DEFAULT_PREPAY = 20_000_000n
const MAX_COPIES = 64

/** What is to be stored, and for how much. */
export const MIRROR_FIELDS = {
  market,
  path: path('file or folder to store'),
  name: maybe(text(1, MOST_NAME, 'name of the mirror; absent: that of the path')),
  exclude: maybe(
    list(text(1, 1024, 'pattern'), 256, 'patterns of what to leave out, as in a .gitignore; absent: none')
  ),
  copies: whole(1, MAX_COPIES, 'copies, each at another provider'),
  time: duration('how long to store it'),
  offer: maybe(storagePrice("price to open with; absent: the providers' prices are taken")),
  maxPrice: maybe(storagePrice('highest price; absent: any')),
  renew: maybe(
    flag('true: it is extended by itself before it ends, as long as this node is up; absent: false')
  ),
  prepayMaxMsat: maybe(msat('most to pay ahead, for all copies; absent: 20 000 sat')),
  ahead: maybe(
    duration(
      'how long ahead to pay each copy; absent: 30 days, but to a provider that is not proven at most 1 000 sat, or as long as it has served'
    )
  )
}

const seconds = (about: string) => decimal(0, Number.MAX_SAFE_INTEGER, `${about}, s`)
const linkForm = form(
  /^bushel:\/\/[ybndrfg8ejkmcpqxot1uwisza345h769]{109}$/,
  118,
  'must be a link: bushel:// followed by 109 characters',
  'link of the drive; who has it can read everything'
)

export const MIRROR_CALLS = {
  mirror: callWithDryRun(
    {
      summary: 'packs, encrypts and uploads a file or folder, and pays ahead; the same call again goes on',
      params: MIRROR_FIELDS,
      result: {
        id: said('id of the mirror, hex; empty in a dry run'),
        name: said('name of the mirror'),
        paidUntil: moment('until when every copy is paid; 0 in a dry run'),
        link: said('link of the drive; empty in a dry run'),
        files: count('files'),
        bytes: bytes('size of the files'),
        storedBytes: bytes('size of one copy'),
        copies: whole(0, MAX_COPIES, 'copies that are stored'),
        leases: listed(v.string(), 'ids of the leases; empty in a dry run'),
        chargeMsat: msat('what it costs over its whole time; in a dry run the most that it can cost'),
        paidMsat: msat('paid now; in a dry run the most that will be'),
        feesMsat: msat('fees'),
        atRiskMsat: msat('paid ahead and not yet served: lost if every provider vanished now'),
        kept: flag(
          'true: this node is up; it audits the copies every day and pays on, as long as it stays up'
        ),
        seconds: v.pipe(
          fields({ pack: seconds('packing'), upload: seconds('uploading') }),
          v.description('how long it took')
        )
      },
      events: ['note', 'progress', 'payment'],
      changes: true,
      needs: 'node'
    },
    async (node, params, context) => {
      const chosen = marketOf(node, params.market)
      await chosen.inStep({ timeoutMs: BOOK_WAIT })
      const { mirrors } = (await node.trade()).storage
      const request = mirrorRequest(chosen.key, params)
      const outcome = params.dryRun
        ? await mirrors.estimate(request, mirrorListener(context))
        : await mirrors.run(request, mirrorListener(context), context.signal)
      return dry(params, {
        id: outcome.id,
        name: outcome.name,
        paidUntil: outcome.paidUntil,
        link: outcome.link,
        files: outcome.files,
        bytes: outcome.bytes,
        storedBytes: outcome.storedBytes,
        copies: outcome.leases.length,
        leases: params.dryRun ? [] : outcome.leases,
        chargeMsat: outcome.chargeMsat.toString(),
        paidMsat: outcome.paidMsat.toString(),
        feesMsat: outcome.feesMsat.toString(),
        atRiskMsat: outcome.atRiskMsat.toString(),
        kept: node.serving,
        seconds: outcome.seconds
      })
    }
  ),
  restore: callWithDryRun(
    {
      summary: 'restores the files of a link from all providers at once; the same call again goes on',
      params: {
        link: linkForm,
        dest: path('where to write it'),
        force: flag('true: overwrite different files'),
        maxSize: maybe(
          bytes('most that the files may have; without it, not far more than the data of the link')
        )
      },
      result: {
        path: said('what was written'),
        files: count('files'),
        bytes: bytes('size of the files'),
        sha256: said('checksum of the tree, hex; empty in a dry run'),
        leftOut: count('entries of the drive that could not be restored; notes name them'),
        seconds: seconds('how long it took')
      },
      events: ['note', 'progress'],
      changes: true,
      needs: 'node'
    },
    async (node, params, context) => {
      parseLink(params.link)
      const dest = resolve(params.dest)
      if (params.dryRun)
        return dry(params, { path: dest, files: 0, bytes: 0, sha256: '', leftOut: 0, seconds: 0 })
      return restoreLink(node, { ...params, dest }, context)
    }
  )
}

export function mirrorRequest(market: Buffer, params: Values<typeof MIRROR_FIELDS>): MirrorRequest {
  demandOffer(params)
  return {
    market,
    path: resolve(params.path),
    name: params.name ?? null,
    exclude: params.exclude ?? [],
    copies: params.copies,
    time: params.time,
    renew: params.renew ?? false,
    offer: params.offer === undefined ? null : BigInt(params.offer),
    maxPrice: params.maxPrice === undefined ? null : BigInt(params.maxPrice),
    prepayMaxMsat: params.prepayMaxMsat === undefined ? DEFAULT_PREPAY : BigInt(params.prepayMaxMsat),
    ahead: params.ahead ?? null
  }
}

/** Reports progress to the caller, with the uploads of all copies as one sum. */
export function mirrorListener({ onProgress }: CallContext): MirrorListener {
  const uploads = new Map<string, number>()
  const progress = (event: Progress): void => onProgress(event)
  return {
    note: message => progress({ event: 'note', message }),
    packed: (done, total) => progress({ event: 'progress', step: 'pack', done, total, unit: 'bytes' }),
    uploaded: (copy, bytes) => {
      uploads.set(copy.name, bytes)
      const done = [...uploads.values()].reduce((sum, one) => sum + one, 0)
      const each = copy.lease.terms.cores.reduce((sum, core) => sum + core.byteLength, 0)
      progress({ event: 'progress', step: 'upload', done, total: each * uploads.size, unit: 'bytes' })
    },
    paid: (copy, { installment, msat, feeMsat }) =>
      progress({
        event: 'payment',
        lease: formatKey(copy.id),
        provider: formatKey(copy.provider),
        installment,
        of: copy.installments,
        msat: msat.toString(),
        feeMsat: feeMsat.toString()
      })
  }
}
