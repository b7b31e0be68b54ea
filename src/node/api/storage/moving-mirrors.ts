import { formatKey } from '../../../../contracts/keys/key.js'
import { BushelError } from '../../../../contracts/errors/error.js'
import { identityFrom } from '../../../identity/words.js'
import { MOST_NAME, nameOfMirror } from '../../../storage/buyer/mirror-names.js'
import { exportOf, neighboursOf } from '../../../storage/takeover/exporting.js'
import {
  demandFree,
  packExport,
  readExport,
  unpackExport,
  writeExport
} from '../../../storage/takeover/export-file.js'
import { importOf } from '../../../storage/takeover/importing.js'
import { callWithDryRun, dry } from '../definition/call.js'
import {
  bytes,
  count,
  fields,
  flag,
  key,
  listed,
  maybe,
  oneOf,
  path,
  said,
  text
} from '../definition/schema.js'
import { MirrorView } from './mirror-view.js'

/** More than 24 words have. */
const MOST_WORDS = 4096
const WHO = { id: said('id of the mirror, hex'), name: said('its name') }

/** Mirrors that another device of their owner takes over. */
export const MOVING_MIRROR_CALLS = {
  'mirrors.export': callWithDryRun(
    {
      summary: 'writes what another device of the owner needs to take a mirror over; the 24 words open it',
      params: {
        mirror: text(1, MOST_NAME, 'name of the mirror, or the beginning of its id'),
        file: path('file to write'),
        force: maybe(flag('true: a file that is there is replaced; absent: false'))
      },
      result: {
        ...WHO,
        file: said('the file'),
        bytes: bytes('size of the file'),
        leases: count('leases that are in it'),
        others: listed(said('name'), 'other mirrors at the same providers, which go over with it')
      },
      changes: true,
      needs: 'node'
    },
    async (node, params) => {
      const { storage, ledger, deals } = await node.trade()
      const { leases, debts, context } = storage
      const job = new MirrorView(node.store, ledger).find(params.mirror)
      const source = { store: node.store, leases, debts, ledger, self: deals.self, now: context.now }
      const content = exportOf(source, job)
      const file = packExport(content, deals.self.device, deals.self.proof)
      await demandFree(params.file, params.force === true)
      if (!params.dryRun) await writeExport(params.file, file)
      return dry(params, {
        id: job.store,
        name: nameOfMirror(job),
        file: params.file,
        bytes: file.byteLength,
        leases: content.leases.length,
        others: neighboursOf(source, job)
      })
    }
  ),
  'mirrors.import': callWithDryRun(
    {
      summary: 'takes over a mirror that another device of the same identity has exported',
      params: {
        file: path('file that was exported'),
        words: text(1, MOST_WORDS, 'the 24 words of the identity; they are not stored')
      },
      result: {
        ...WHO,
        from: key('device that has exported it, which pays nothing more from now on'),
        providers: listed(
          fields({
            provider: key('device of the provider'),
            result: oneOf(
              ['taken', 'waiting', 'refused'],
              'taken: it deals with this device now; waiting: it is asked again as long as this node is up; refused: it does not hand the copy over'
            ),
            why: maybe(said('what went wrong'))
          }),
          'providers of its copies; none in a dry run'
        ),
        market: maybe(key('market of the mirror, where this node has not joined it'))
      },
      events: ['note'],
      changes: true,
      needs: 'node'
    },
    async (node, params, { signal }) => {
      const file = await readExport(params.file)
      const { storage, ledger, deals } = await node.trade()
      const { leases, debts, mirrors, taking, context } = storage
      taking.demandHere()
      const words = await identityFrom(params.words)
      try {
        if (!words.identityPublicKey.equals(deals.self.identity)) throw otherHome()
        const exported = unpackExport(file, words)
        const target = { leases, debts, ledger, mirrors, self: deals.self, now: context.now }
        const imported = importOf(target, exported, words)
        if (!params.dryRun) await imported.save()
        const tried = params.dryRun ? [] : imported.providers.map(one => taking.tryWith(one, signal))
        const providers = (await Promise.all(tried)).map(({ provider, ...rest }) => ({
          provider: formatKey(provider),
          ...rest
        }))
        storage.mirrorUpkeep?.poke()
        storage.maintenance?.poke()
        const { job } = imported
        return dry(params, {
          id: job.store,
          name: nameOfMirror(job),
          from: formatKey(exported.device),
          providers,
          ...(node.books.get(job.market) ? {} : { market: formatKey(job.market) })
        })
      } finally {
        words.clear()
      }
    }
  )
}

function otherHome(): BushelError {
  return new BushelError(
    'BAD_WORDS',
    'the words are of another identity than this home; nothing was changed',
    'make a home with these words, and import there: bushel init --words -'
  )
}
