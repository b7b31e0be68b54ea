import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agreementId } from '../../../contracts/terms.js'
import { Home } from '../../../src/identity/home.js'
import { homeStore } from '../../../src/node/home-store.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'
import { recordedWith } from '../../../src/storage/lease/lease-sums.js'
import { leaseSumTable } from '../../../src/storage/tables.js'
import type { Transaction } from '../../../src/store/transaction.js'
import { folder } from '../../parts/folder.js'
import { runCommandLine } from '../../parts/cli/command-line.js'
import { leaseTerms, partiesOf } from '../../samples/evidence/parties.js'
import { twoPeople } from '../../samples/people.js'

test('store check finds nothing in a new home, then a lease that nobody paid, and a wrong sum', async t => {
  const home = `${await folder(t)}/home`
  await Home.create(home)
  const check = (): ReturnType<typeof runCommandLine> => runCommandLine(['store', 'check', '--home', home])
  const written = async (work: (transaction: Transaction) => void): Promise<void> => {
    const store = homeStore(home)
    await store.ready()
    await store.write(work)
    await store.close()
  }
  const clean = await check()
  assert.deepEqual([clean.exit, clean.stdout.trim()], [0, 'no problem'])

  const terms = leaseTerms({ ...partiesOf(...(await twoPeople())), countersignBy: 1_000_000 })
  const times = { created: 1_000_000, committed: 1_000_000, start: 0 }
  const lease = { role: 'provider', state: LEASE.ACTIVE, ...times, terms, signature: Buffer.alloc(64) }
  await written(transaction => recordedWith(transaction, ['provider', agreementId(terms)], lease))
  const unpaid = await check()
  assert.equal(unpaid.exit, 1)
  const line =
    /^ledger: lease \w+ \(provider\) is ACTIVE, and its first installment is not settled\n1 problem; /
  assert.match(unpaid.stdout, line)

  await written(transaction => transaction.put(leaseSumTable, 'provider', { live: 7, bytes: 1 }))
  const { lines, exit } = await runCommandLine(['store', 'check', '--json', '--home', home])
  assert.equal(exit, 1)
  const problems = lines.at(-1)!['problems'] as string[]
  assert.equal(problems.length, 2)
  assert.match(problems[0]!, /^storage: 1 leases \(provider\) reserve \d+ bytes, their sum says 7 and 1$/)
})
