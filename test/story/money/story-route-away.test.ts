import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { writeFile } from 'node:fs/promises'
import test from 'node:test'
import { Lightning } from '../../world/lightning.js'
import { settled } from '../../world/payments.js'
import { isPayment } from '../../world/resume.js'
import { noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'
import type { MirrorResult } from '../../world/world.js'

/** How often a payment is tried in vain before the way is back: some seconds. */
const TRIES = 3

test('a mirror waits for a hop, and for the lightningd of its seller, that are away for some seconds', async t => {
  const world = await World.open(t)
  const lightning = new Lightning(world)
  const market = await world.found('founder', 'bazaar')
  const [seller] = await Promise.all([
    lightning.join('seller', market),
    lightning.join('spare', market),
    lightning.join('buyer', market)
  ])
  const [payer, payee] = [lightning.at('buyer'), lightning.at('seller')]
  const hop = await payer.hop(payee)
  await payer.channel(lightning.at('spare'), 100_000_000n, 50_000_000n)
  await world.sell('seller', '2000 sat/GiB-month')
  await world.sell('spare', '9000 sat/GiB-month')
  await world.book('buyer', book => book.asks.length === 2)
  const { spendable } = await world.wallet('buyer')
  const file = world.at('film.bin')
  await writeFile(file, noise('waiting', 3 << 20))

  const tried = async (count: () => Promise<number>): Promise<void> => {
    while ((await count()) < TRIES) await pause(50)
  }
  const mirroring = world.start('buyer', [
    'mirror',
    file,
    '--copies',
    '1',
    '--time',
    '365d',
    '--ahead',
    'all'
  ])
  await mirroring.line(isPayment(0))
  await payer.call('dev-offline', { peer: hop, offline: true })
  await tried(async () => ((await payer.call('dev-missed')) as { missed: number }).missed)
  await payer.call('dev-offline', { peer: hop, offline: false })

  await mirroring.line(isPayment(1))
  await payee.kill()
  const failed = async (): Promise<number> =>
    (await lightning.records('buyer')).pays.filter(({ status }) => status === 'failed').length
  await tried(failed)
  await payee.start()
  const { code } = await mirroring.ended
  assert.equal(code, 0, JSON.stringify(mirroring.lines.at(-1)))
  const mirror = mirroring.lines.at(-1) as unknown as MirrorResult & { feesMsat: string }

  const [bought, sold] = [await world.leases('buyer'), await world.leases('seller')]
  assert.deepEqual(
    bought.map(({ id, device, state }) => [id, device, state]),
    [[mirror.leases[0], seller.device, 'STORED']],
    'one lease, of the same seller'
  )
  assert.deepEqual(await world.leases('spare'), [])
  assert.deepEqual(
    mirroring.lines.filter(line => line['event'] === 'note'),
    [],
    'nobody was blamed or replaced'
  )
  const uploaded = mirroring.lines
    .filter(line => line['event'] === 'progress' && line['step'] === 'upload')
    .map(line => Number(line['done']))
  assert.ok(uploaded.length > 1)
  assert.deepEqual(
    uploaded,
    uploaded.toSorted((a, b) => a - b),
    'nothing was uploaded twice'
  )

  assert.equal(settled(bought, sold), BigInt(mirror.paidMsat))
  const paid = await lightning.paid('buyer')
  assert.equal(new Set(paid.map(({ hash }) => hash)).size, paid.length, 'each hash once')
  const sum = paid.reduce((all, { msat }) => all + msat, 0n)
  // The hop takes 1 sat and 1000 ppm of each payment.
  const fees = paid.reduce((all, { msat }) => all + 1_000n + msat / 1_000n, 0n)
  assert.deepEqual([sum, fees], [BigInt(mirror.paidMsat), BigInt(mirror.feesMsat)])
  assert.equal((await world.wallet('buyer')).spendable, spendable - sum - fees)
  for (const name of ['buyer', 'seller']) await world.ok(name, ['log', '--check'])
})
