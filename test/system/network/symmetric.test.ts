import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { noise } from '../../samples/tree.js'
import { isStep } from '../../world/resume.js'
import type { MirrorResult } from '../../world/world.js'
import { Lab } from './lab.js'
import { missing, missingWire } from './missing.js'

const OPTIONS = { skip: missing(), timeout: 5 * 60_000 }
const WIRE_OPTIONS = { skip: missingWire(), timeout: 10 * 60_000 }
const MIB = 1024 ** 2
const SYMMETRIC = { router: 'symmetric' } as const
/** So slow that the upload lasts while its forwarder is killed. */
const SLOW = { mbit: 16, delayMs: 5, lost: 0 }
const SIZE = 12 * MIB
const UPLOAD_MS = 300_000

test('homes behind symmetric routers store and restore by the commands of the README', OPTIONS, async t => {
  const lab = await Lab.open(t)
  const { world } = lab
  await lab.home('founder')
  for (const name of ['seller', 'buyer', 'reader']) await lab.home(name, SYMMETRIC)

  await world.init('founder')
  await world.up('founder')
  const { key } = await world.ok<{ key: string }>('founder', ['market', 'create', '--name', 'bazaar'])
  for (const name of ['seller', 'buyer']) {
    await world.init(name)
    await world.ok(name, ['market', 'join', key])
    await world.up(name)
  }
  await world.ok('seller', ['sell', 'storage', '--space', '100MiB', '--price', '25 sat/GiB-month'])
  await writeFile(world.at('film'), noise('film', MIB))
  const mirror = ['mirror', world.at('film'), '--copies', '1', '--time', '30d']
  const { link } = await world.ok<MirrorResult>('buyer', mirror)
  await world.stop('buyer')

  // The reader knows no market, and so no forwarder but the one that the seller names.
  await world.init('reader')
  await world.ok('reader', ['restore', link, world.at('film back')])
  assert.deepEqual(await readFile(world.at('film back')), await readFile(world.at('film')))
})

test('an upload goes on through another forwarder when its own is killed', WIRE_OPTIONS, async t => {
  const lab = await Lab.open(t)
  const { world } = lab
  await lab.home('founder')
  await lab.home('relay')
  await lab.home('seller', SYMMETRIC)
  await lab.home('buyer', { ...SYMMETRIC, shape: SLOW })
  const market = await world.found('founder', 'bazaar')
  const relay = await world.join('relay', market)
  await world.ok('founder', ['market', 'admit', relay.device])
  const seller = await world.seller('seller', market, '100 sat/GiB-month')
  await world.join('buyer', market)

  const file = world.at('file')
  await writeFile(file, noise('forwarded', SIZE))
  const mirror = world.start('buyer', ['mirror', file, '--copies', '1', '--time', '30d'])
  await mirror.line(line => isStep('upload')(line) && Number(line['done']) > SIZE / 4)
  const [most, least] = ['founder', 'relay'].sort((a, b) => lab.sent(b) - lab.sent(a))
  assert.ok(lab.sent(most!) > SIZE / 4, 'the upload is forwarded')
  const before = lab.sent(least!)
  await world.kill(most!)
  const { leases } = (await mirror.line(line => 'link' in line, UPLOAD_MS)) as unknown as MirrorResult
  assert.ok(lab.sent(least!) - before > SIZE / 4, 'the other one forwards the rest')

  const bought = await world.leases('buyer')
  assert.deepEqual(
    bought.map(({ id, device, state }) => [id, device, state]),
    [[leases[0], seller.device, 'STORED']],
    'there is no second lease'
  )
  // A seller that is blamed is not asked again for an hour.
  await writeFile(file, 'again')
  await world.ok('buyer', ['mirror', file, '--copies', '1', '--time', '30d'])
})
