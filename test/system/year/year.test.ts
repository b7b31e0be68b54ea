import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { SAT } from '../../../contracts/money/money.js'
import { DAY, HOUR } from '../../../contracts/money/quantity.js'
import { agreementId } from '../../../contracts/terms.js'
import { idOf } from '../../../src/storage/lease/leases.js'
import { makeTree } from '../../samples/tree.js'
import type { MirrorRequest } from '../../../src/storage/buyer/mirrors.js'
import { Year } from './year.js'
import type { ProviderNode } from './provider-node.js'

/** The buyer's node is up for an hour in so long. */
const AWAY = 14 * DAY
/** msat per TiB and 30 days. */
const PRICE = 4_000n * SAT * 1024n
/** After this day nothing happens any more. */
const LAST_DAY = 350

interface Seen {
  /** Days on which what has happened was noticed: the copy is not counted as healthy any more. */
  noticed: Record<string, number>
}

/** A new year with files of a KiB to mirror, each a small block, and the request for three copies. */
async function begin(
  t: TestContext,
  { files, providers }: { files: number; providers: number }
): Promise<{ year: Year; request: MirrorRequest }> {
  const path = await mkdtemp(join(tmpdir(), 'bushel-year-files-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  const leaves = Array.from({ length: files }, (_, i) => [`${i % 50}/${i}`, randomBytes(1024)] as const)
  await makeTree(path, Object.fromEntries(leaves))
  const year = await Year.open()
  t.after(() => year.close())
  for (let i = 0; i < providers; i++) await year.provider(PRICE)
  const request = {
    ...{ market: Buffer.alloc(32, 1), path, name: 'films', exclude: [], copies: 3, time: 365 * DAY },
    ...{ offer: null, maxPrice: null, renew: false, prepayMaxMsat: 20_000n * SAT, ahead: null }
  }
  return { year, request }
}

/** A year in which a provider loses 0.1 % of a copy, one vanishes, and one ends its lease. */
async function yearOf(
  t: TestContext,
  { silent, days, files }: { silent: boolean; days: number; files: number }
): Promise<Seen> {
  const { year, request } = await begin(t, { files, providers: 6 })
  const { chargeMsat: estimated } = await year.estimate(request)
  await year.mirror(request)
  const began = year.now
  const day = (): number => (year.now - began) / DAY
  const keeps = (provider: ProviderNode): boolean =>
    year.healthy.some(lease => year.providerOf(lease) === provider)
  const [loser, deserter, quitter] = year.bought.map(lease => year.providerOf(lease))
  const { byteLength } = year.bought[0]!.seal!.seal.cores[1]!
  const lost = { core: 1, from: byteLength / 2, to: byteLength * 0.501 }
  const end = (): Promise<unknown> => {
    const lease = year.healthy.find(one => year.providerOf(one) === quitter)
    return quitter!.leaseManager.end(agreementId(lease!.terms), 'it is given up')
  }
  const events = [
    { at: 100, provider: loser!, happen: async () => loser!.lose(lost, { silent }) },
    { at: 200, provider: deserter!, happen: () => year.vanish(deserter!) },
    { at: 300, provider: quitter!, happen: end }
  ]
  const names = ['lost', 'vanished', 'ended']
  const seen: Seen = { noticed: {} }
  while (day() < days) {
    await year.pass(AWAY - HOUR)
    const due = events.findIndex(({ at }, i) => day() >= at && !(names[i]! in seen.noticed))
    if (due >= 0) {
      await events[due]!.happen()
      seen.noticed[names[due]!] = Infinity
    }
    await year.visit()
    for (const [i, { at, provider }] of events.entries())
      if (seen.noticed[names[i]!] === Infinity && !keeps(provider)) seen.noticed[names[i]!] = day() - at
    assert.ok(year.healthy.length >= 2, `day ${day()}: two copies are left`)
    for (const lease of year.healthy) {
      const { msat, aheadMs } = year.atRisk(lease)
      assert.ok(aheadMs > 0, `day ${day()}: a healthy copy is paid`)
      assert.ok(msat <= 1000n * SAT, `${msat} msat at risk`)
      const kept = await year.providerOf(lease).shelf.seals(idOf(lease))
      assert.deepEqual(kept, lease.seal!.seal.cores, 'a healthy copy is what was sealed')
    }
  }
  assert.equal(year.healthy.length, 3, 'every lost copy was replaced')
  assert.equal(year.bought.length, 3 + Object.keys(seen.noticed).length)
  await year.pass(16 * DAY)
  await year.visit()
  assert.deepEqual(year.wrongPayments, [], 'no payment follows a failed or an open audit')
  assert.ok(Number(year.spentMsat) <= 1.01 * Number(estimated), `${year.spentMsat} of ${estimated} msat`)
  return seen
}

test('a mirror of three copies lasts a year though one is damaged, one vanishes and one ends', async t => {
  const { noticed } = await yearOf(t, { silent: false, days: LAST_DAY, files: 4000 })
  // The buyer looks every two weeks.
  assert.ok(noticed['lost']! <= 60, `the loss was noticed after ${noticed['lost']} days`)
  assert.ok(noticed['vanished']! <= 45, 'who is away at two visits is gone')
  assert.ok(noticed['ended']! <= 15)
})

test('a provider that is silent whenever it is asked for what it has lost is noticed too', async t => {
  const { noticed } = await yearOf(t, { silent: true, days: 190, files: 1000 })
  assert.ok(noticed['lost']! <= 75, `it was noticed after ${noticed['lost']} days`)
})

test('a mirror of sixty days that renews itself lasts a year at its providers, under one link', async t => {
  const { year, request } = await begin(t, { files: 200, providers: 3 })
  const { link } = await year.mirror({ ...request, time: 60 * DAY, renew: true })
  const began = year.now
  const providers = new Set(year.healthy.map(lease => year.providerOf(lease)))
  while (year.now - began < 365 * DAY) {
    await year.pass(11 * DAY - HOUR)
    await year.visit()
    assert.equal(year.healthy.length, 3)
    for (const lease of year.healthy) {
      assert.ok(year.atRisk(lease).aheadMs > 0, 'a healthy copy is paid')
      assert.equal(lease.link, link)
      assert.ok(providers.has(year.providerOf(lease)))
      const kept = await year.providerOf(lease).shelf.seals(idOf(lease))
      assert.deepEqual(kept, lease.seal!.seal.cores)
    }
  }
  assert.ok(year.bought.length >= 3 * 6, `${year.bought.length} leases`)
  assert.deepEqual(year.wrongPayments, [])
})
