import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HANDSHAKES } from '../../../src/base/bounds/bounds.js'
import { Handshakes } from '../../../src/network/handshakes.js'

const { addressRate, allRate } = HANDSHAKES

function admitted(handshakes: Handshakes, hosts: (i: number) => string, tries: number): number {
  let count = 0
  for (let i = 0; i < tries; i++) if (handshakes.admits(hosts(i))) count++
  return count
}

test('strangers of one address begin few connections a second, and others still get in', () => {
  let now = 0
  const handshakes = new Handshakes(() => now)
  assert.equal(
    admitted(handshakes, i => `2001:db8:1:2::${i}`, 1000),
    addressRate.burst
  )
  assert.ok(handshakes.admits('203.0.113.9'))
  now += 5_000
  assert.equal(
    admitted(handshakes, () => '2001:db8:1:2::1', 1000),
    5 * addressRate.perSecond
  )
})

test('strangers of many addresses begin few connections a second', () => {
  let now = 0
  const handshakes = new Handshakes(() => now)
  const hosts = (i: number): string => `203.${i >> 8}.${i & 255}.1`
  assert.equal(admitted(handshakes, hosts, 5000), allRate.burst)
  now += 1000
  assert.equal(admitted(handshakes, hosts, 5000), allRate.perSecond)
})
