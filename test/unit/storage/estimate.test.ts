import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CoreLimit } from '#spec'
import { planInstallments } from '../../../contracts/money/installments.js'
import { SAT } from '../../../contracts/money/money.js'
import { DAY, GIB, MIB } from '../../../contracts/money/quantity.js'
import { pack } from '../../../src/storage/archive/pack.js'
import { drivePacker } from '../../../src/storage/archive/packer.js'
import { Mirrors } from '../../../src/storage/buyer/mirrors.js'
import type { MirrorsOptions } from '../../../src/storage/buyer/mirrors.js'
import { openStore } from '../../../src/network/cores.js'
import { noise } from '../../parts/storage/packed-drive.js'
import { atEnd, scratch } from '../../parts/storage/wire.js'
import { makeTree } from '../../samples/tree.js'
import type { Leaf } from '../../samples/tree.js'

const PRICE = 500n * SAT * 1024n
const BYTES = 500 * MIB
const CORES = [{ length: BYTES / 262_144, byteLength: BYTES }]
const FEE = 7n
const TERMS = { price: PRICE, time: 30 * DAY, minChargeMsat: SAT }

/** The estimate of a mirror of 500 MiB, from one ask for each copy. */
function estimate(copies: number, prepayMaxMsat: bigint, minChargeMsat = SAT) {
  const asks = Array.from({ length: copies }, (_, i) => ({
    ...{ id: Buffer.alloc(32, i), identity: Buffer.alloc(32, 10 + i), device: Buffer.alloc(32, 20 + i) },
    ...{ price: PRICE, revision: 1, space: GIB, minTime: 0, maxTime: 365 * DAY, minChargeMsat }
  }))
  const survey = { files: 1, bytes: BYTES, fingerprint: Buffer.alloc(32), cores: CORES, notes: ['left out'] }
  const mirrors = new Mirrors({
    store: { table: () => ({ list: () => [] }) },
    packer: { survey: () => Promise.resolve(survey) },
    asks: () => Promise.resolve(asks),
    experiences: { of: () => null, toward: () => null },
    deals: { self: { identity: Buffer.alloc(32) } },
    payments: { limits: { faultOfPlans: () => null, feesOf: (all: bigint[]) => BigInt(all.length) * FEE } },
    spendable: () => Promise.resolve(10n ** 12n),
    leases: { servedBy: () => 0 },
    now: () => 0
  } as unknown as MirrorsOptions)
  const request = {
    market: Buffer.alloc(32),
    path: '/x',
    name: null,
    exclude: [],
    copies,
    time: 30 * DAY,
    offer: null,
    maxPrice: null,
    ahead: null,
    renew: false
  }
  const notes: string[] = []
  const outcome = mirrors.estimate({ ...request, prepayMaxMsat }, { note: note => void notes.push(note) })
  return outcome.then(told => ({ ...told, notes }))
}

/** What a placement pays ahead for a lease with these first installments, and in all. */
function paid(shareMsat: bigint, minChargeMsat = SAT): { ahead: bigint; all: bigint } {
  const installments = planInstallments({
    ...{ ...TERMS, minChargeMsat, cores: CORES as CoreLimit[] },
    ...{ firstInstallmentMsat: 5n * SAT, maxInstallmentMsat: 40n * SAT }
  })
  let ahead = installments[0]!.msat
  for (const { msat } of installments.slice(1)) {
    if (ahead + msat > shareMsat) break
    ahead += msat
  }
  return { ahead, all: installments.reduce((sum, { msat }) => sum + msat, 0n) }
}

test('a dry run tells what will be paid ahead, however small the most to pay ahead is, and what all of it costs', async () => {
  for (const copies of [1, 3])
    for (const prepay of [1n, SAT, 4n * SAT, 20n * SAT, 100n * SAT, 10_000n * SAT]) {
      const told = await estimate(copies, prepay)
      const { ahead, all } = paid(prepay / BigInt(copies))
      const what = `${copies} copies, ${prepay} msat ahead`
      assert.equal(told.chargeMsat, all * BigInt(copies), what)
      assert.ok(
        told.paidMsat >= ahead * BigInt(copies),
        `${what}: ${told.paidMsat} told, ${ahead} paid for each`
      )
      assert.ok(
        told.paidMsat <= (prepay > 5n * SAT * BigInt(copies) ? prepay : 5n * SAT * BigInt(copies)),
        what
      )
    }
})

test('a dry run counts the smallest charge of an ask, and says what will be left out', async () => {
  const told = await estimate(2, 10_000n * SAT, 900n * SAT)
  assert.deepEqual([told.paidMsat, told.chargeMsat], [1800n * SAT, 1800n * SAT])
  assert.deepEqual(told.notes, ['left out'])
})

test('what a survey says of the packed cores is never less than they are, and little more', async t => {
  const trees: Record<string, Record<string, Leaf>> = {
    'one small file': { a: 'x' },
    'one large file': { a: noise(9_000_000) },
    'many small files in many folders': Object.fromEntries(
      Array.from({ length: 3000 }, (_, i) => [`folder ${i % 300}/a file of some name, no. ${i}`, `${i}`])
    ),
    'names of many bytes, and links': Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`${'é'.repeat(100)}${i}`, i % 2 ? { link: 'x'.repeat(i) } : 'x'])
    )
  }
  for (const [name, tree] of Object.entries(trees)) {
    const folder = await scratch(t)
    await makeTree(join(folder, 'tree'), tree)
    const store = openStore(join(folder, 'own'))
    atEnd(t, () => store.close())
    const { cores } = await drivePacker.survey(join(folder, 'tree'), [])
    const packed = (await pack({ path: join(folder, 'tree'), store, name: 'goods' })).cores
    for (const [i, { length, byteLength }] of packed.entries()) {
      const said = cores[i]!
      assert.ok(
        said.length >= length && said.byteLength >= byteLength,
        `${name}: ${said.length} ${length} blocks`
      )
      assert.ok(
        said.length <= 1.3 * length + 8,
        `${name}: ${said.length} blocks are said, there are ${length}`
      )
      assert.ok(
        said.byteLength <= 2 * byteLength + 3000,
        `${name}: ${said.byteLength} bytes, not ${byteLength}`
      )
    }
  }
})
