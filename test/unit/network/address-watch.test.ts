import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AddressWatch } from '../../../src/network/reach/address-watch.js'

const node = (i: number) => ({ host: `198.51.100.${i}`, port: 49737 })
const at = (host: string, port = 1000) => ({ host, port })

function watching(host = '203.0.113.1'): AddressWatch {
  const watch = new AddressWatch()
  for (let i = 0; i < 5; i++) assert.equal(watch.see(node(i), at(host)), null)
  return watch
}

test('another address counts once three nodes in a row have seen it', () => {
  const watch = watching()
  assert.equal(watch.see(node(1), at('203.0.113.2')), null)
  assert.equal(watch.see(node(1), at('203.0.113.2')), null, 'the same node says nothing new')
  assert.equal(watch.see(node(2), at('203.0.113.2')), null)
  assert.deepEqual(watch.see(node(3), at('203.0.113.2')), Array(3).fill(at('203.0.113.2')))
  assert.equal(watch.see(node(4), at('203.0.113.2')), null, 'told once')
})

test('one node that lies moves nobody, and nor do three that do not agree', () => {
  const watch = watching()
  for (let i = 0; i < 9; i++) {
    assert.equal(watch.see(node(9), at('192.0.2.66')), null)
    assert.equal(watch.see(node(1), at('203.0.113.1')), null)
  }
  for (let i = 0; i < 9; i++) assert.equal(watch.see(node(i), at(`192.0.2.${i}`)), null)
})

test('a router that gives each node another port has not moved until its address has', () => {
  const watch = new AddressWatch()
  for (let i = 0; i < 20; i++) assert.equal(watch.see(node(i), at('203.0.113.1', 2000 + i)), null)
  assert.equal(watch.see(node(1), at('203.0.113.2', 3001)), null)
  assert.equal(watch.see(node(2), at('203.0.113.2', 3002)), null)
  assert.equal(watch.see(node(3), at('203.0.113.2', 3003))?.length, 3)
})

test('behind a router that gives each node another port from the start, no answer is a move', () => {
  const watch = new AddressWatch()
  for (let turn = 0; turn < 3; turn++)
    for (let i = 0; i < 10; i++)
      assert.equal(watch.see(node(i), at('203.0.113.1', 3000 + i)), null, `answer ${i} of turn ${turn}`)
})

test('the same new port for all counts: the router has started anew', () => {
  const watch = watching()
  assert.equal(watch.see(node(1), at('203.0.113.1', 2000)), null)
  assert.equal(watch.see(node(2), at('203.0.113.1', 2000)), null)
  assert.equal(watch.see(node(3), at('203.0.113.1', 2000))?.length, 3)
})

test('on a network of one other node, its word is enough', () => {
  const watch = new AddressWatch()
  assert.equal(watch.see(node(1), at('203.0.113.1')), null)
  assert.equal(watch.see(node(1), at('203.0.113.2'))?.length, 1)
})
