import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reachOf, reachText, reachWarning } from '../../../src/network/reach/reachability.js'
import type { Reach } from '../../../src/network/reach/reachability.js'
import { unreachable } from '../../../src/network/reach/unreachable.js'

const seen = { host: '203.0.113.1', port: 49737, firewalled: true, randomized: false, online: true }
const some = { nodes: { length: 20 } }
const as = (reach: Reach, forwarders = 0) => ({ reach, host: null, port: null, forwarders })

test('what the network looks like follows from what other nodes have seen', () => {
  assert.equal(reachOf({ ...seen, ...some }, false), 'cone')
  assert.equal(reachOf({ ...seen, ...some, firewalled: false }, false), 'public')
  assert.equal(reachOf({ ...seen, ...some, port: 0, randomized: true }, false), 'symmetric')
  assert.equal(reachOf({ ...seen, ...some, host: null }, false), 'unknown')
  assert.equal(reachOf({ ...seen, host: null, nodes: { length: 0 } }, false), 'offline')
  assert.equal(reachOf({ ...seen, ...some, online: false }, false), 'offline')
  assert.equal(reachOf({ ...seen, nodes: { length: 0 } }, true), 'local')
})

test('the owner is warned where others cannot reach the node', () => {
  assert.match(reachWarning(as('offline'))!, /let UDP out/)
  assert.match(reachText(as('offline')), /no node answers over UDP/)
  assert.match(reachWarning(as('symmetric'))!, /bushel up --port/)
  assert.equal(reachWarning(as('symmetric', 1)), null)
  assert.equal(reachWarning(as('cone')), null)
  assert.match(reachText(as('symmetric', 1)), /a relay of the market forwards/)
  assert.match(reachText(as('cone')), /no relay of a market is known that forwards/)
})

test('an error of a dial names whose network is to blame', () => {
  const device = Buffer.alloc(32, 1)
  const dial = { isUnknown: false, isAnswered: false, ms: 10_000 }
  const said = (reach: Reach, change: Partial<typeof dial> = {}) =>
    unreachable(device, as(reach), { ...dial, ...change }).message
  assert.match(said('cone'), /did not answer in 10 s$/)
  assert.match(said('cone', { isUnknown: true }), /is not known to the network$/)
  assert.match(said('offline'), /nobody else: no node answers over UDP:/)
  assert.match(
    said('cone', { isAnswered: true, ms: 60_000 }),
    /no way through the routers was found in 60 s$/
  )
  assert.match(
    said('symmetric', { isAnswered: true }),
    /this machine's router gives each connection another port$/
  )
})
