import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { DAEMON_SERVICES } from '../../../src/daemon/daemon.js'
import { NODE_SERVICES } from '../../../src/node/services.js'
import { TRADE_SERVICES } from '../../../src/node/trade/order.js'

const LISTS = { daemon: DAEMON_SERVICES, node: NODE_SERVICES, trade: TRADE_SERVICES }

test('the order of the services is the one that docs/architecture.md shows', async () => {
  const text = await readFile(new URL('../../../docs/architecture.md', import.meta.url), 'utf8')
  const shown = [...text.matchAll(/^\| `((?:daemon|node|trade)\.\w+)`/gm)].map(([, name]) => name)
  const declared = Object.entries(LISTS).flatMap(([list, services]) =>
    services.map(({ name }) => `${list}.${name}`)
  )
  assert.deepEqual(shown, declared)
})

test('what answers peers is open before they are heard, and what acts of its own accord after', () => {
  const names = TRADE_SERVICES.map(({ name }) => name)
  const heard = names.indexOf('connections')
  for (const name of ['counters', 'leaseManager', 'quotes', 'worker', 'blobs'] as const)
    assert.ok(names.indexOf(name) < heard, name)
  for (const name of ['runs', 'maintenance', 'storageBids', 'computeBids', 'reachable'] as const)
    assert.ok(names.indexOf(name) > heard, name)
  assert.ok(
    names.indexOf('lightning') < names.indexOf('payments'),
    'payments end before their connections do'
  )
})
