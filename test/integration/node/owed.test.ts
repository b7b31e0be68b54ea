import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { sign } from '../../../contracts/keys/signature.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { agreementId } from '../../../contracts/terms.js'
import { Home } from '../../../src/identity/home.js'
import type { MirrorEntry, StatusResult } from '../../../src/node/api/api.js'
import { homeStore } from '../../../src/node/home-store.js'
import { debtTable } from '../../../src/payment/tables.js'
import { MIRROR } from '../../../src/storage/buyer/mirror-state.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'
import { ENDED_BY_OWNER, SERVED } from '../../../src/storage/lease/leases.js'
import { leaseTable, mirrorTable } from '../../../src/storage/tables.js'
import { change } from '../../../src/store/change.js'
import type { Change } from '../../../src/store/change.js'
import { folder } from '../../parts/folder.js'
import { runCommandLine } from '../../parts/cli/command-line.js'
import { leaseTerms, partiesOf } from '../../samples/evidence/parties.js'
import { person } from '../../samples/people.js'

interface Over {
  name: string
  /** Days since the end that was agreed. */
  ended: number
  reason: string
  /** Owed by the provider, and since how many days. */
  debt?: { msat: bigint; days: number }
}

test('status tells what is owed back, and mirrors that are over are listed for 3 days and while something is owed', async t => {
  const home = join(await folder(t), 'home')
  await Home.create(home)
  const [buyer] = await person()
  const changes: Change[] = []
  const now = Date.now()
  const add = async ({ name, ended, reason, debt }: Over, provider = person()): Promise<void> => {
    const [seller] = await provider
    const begun = now - 90 * DAY
    const parties = partiesOf(buyer!, seller!)
    const terms = leaseTerms({ ...parties, countersignBy: begun, time: 90 * DAY - ended * DAY })
    const id = agreementId(terms)
    const times = { created: begun, committed: begun, start: begun }
    const lease = { role: 'buyer', state: LEASE.ENDED, ...times, terms, signature: Buffer.alloc(64), reason }
    changes.push(change(leaseTable, ['buyer', id], lease))
    const job = {
      ...{ path: `/${name}`, fingerprint: Buffer.alloc(32), market: Buffer.alloc(32), store: name, name },
      ...{ link: `link of ${name}`, files: 1, bytes: 1, cores: [], sha256: Buffer.alloc(32), copies: 1 },
      ...{ time: terms.time, offer: 0n, maxPrice: 0n, prepayMaxMsat: 0n, agreements: [id] },
      state: MIRROR.KEPT
    }
    changes.push(change(mirrorTable, name, job))
    if (!debt) return
    const owed = { agreement: id, msat: debt.msat, at: now - debt.days * DAY }
    const signed = { debt: owed, signature: sign('debt', owed, seller!.device) }
    const record = { role: 'creditor', peer: seller!.identity, debt: signed, settledMsat: 0n, state: 'open' }
    changes.push(change(debtTable, ['creditor', id], record))
  }
  const debtor = person()
  await add({ name: 'new', ended: 2.9, reason: SERVED })
  await add({ name: 'old', ended: 3.1, reason: SERVED })
  await add({ name: 'owed', ended: 50, reason: SERVED, debt: { msat: 3_500n, days: 50 } }, debtor)
  // What is below a sat cannot be paid.
  await add({ name: 'put-away', ended: -300, reason: ENDED_BY_OWNER, debt: { msat: 500n, days: 4 } })
  await add({ name: 'put-away-now', ended: -300, reason: ENDED_BY_OWNER, debt: { msat: 500n, days: 1 } })
  await add({ name: 'lost', ended: -300, reason: 'the provider ended it', debt: { msat: 500n, days: 4 } })
  await add({ name: 'lost-too', ended: -300, reason: 'gone', debt: { msat: 2_000n, days: 4 } }, debtor)
  await add({ name: 'gone', ended: -300, reason: 'gone', debt: { msat: 1_000n, days: 4 } })
  const store = homeStore(home)
  await store.ready()
  await store.set(...changes)
  await store.close()

  const run = async <T>(...args: string[]): Promise<T> => {
    const { lines, exit } = await runCommandLine([...args, '--json', '--home', home])
    assert.equal(exit, 0)
    return lines.at(-1) as unknown as T
  }
  const { facts, lines } = (await run<StatusResult>('status')).resources['storage']!
  assert.deepEqual([facts['owedMsat'], facts['debtors']], ['6500', 2])
  assert.deepEqual(
    lines.filter(({ label }) => label === 'owed').map(({ text }) => text),
    ['6.5 sat by 2 providers of leases that are over; collected while this node is up and meets them']
  )
  const { mirrors } = await run<{ mirrors: MirrorEntry[] }>('mirrors')
  assert.deepEqual(mirrors.map(({ name }) => name).sort(), [
    'gone',
    'lost',
    'lost-too',
    'new',
    'owed',
    'put-away-now'
  ])
})
