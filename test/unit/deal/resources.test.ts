import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compute } from '../../../src/compute/resource.js'
import { formatPriceOf } from '../../../src/deal/price.js'
import { Resources } from '../../../src/deal/resource.js'
import { storage } from '../../../src/storage/resource.js'

test('the registry has each resource by its id, and the messages of all', () => {
  const resources = new Resources([storage, compute])
  assert.equal(resources.get('compute'), compute)
  assert.equal(resources.get('tokens'), null)
  assert.equal(resources.get('toString'), null)
  for (const method of ['hello', 'quote', 'agree', 'answer', 'seal', 'jobReveal'])
    assert.ok(resources.messages[method], method)
  assert.equal(new Resources([compute]).messages['seal'], undefined)
})

test('two resources of one name, a bad name and a message that there is already are errors', () => {
  assert.throws(() => new Resources([storage, { ...compute, id: 'storage' }]), /two resources are named/)
  for (const id of ['', 'Storage', '1st', 'x'.repeat(17)])
    assert.throws(() => new Resources([{ ...storage, id }]), /not a name for a resource/)
  assert.throws(() => new Resources([storage, { ...storage, id: 'other' }]), /have a message 'strip'/)
  const quote = compute.messages['jobKey']!
  assert.throws(() => new Resources([{ ...compute, messages: { quote } }]), /have a message 'quote'/)
})

test('a price is written in the first unit in which it is exact', () => {
  assert.equal(formatPriceOf(storage, 25_600_000n), '25 sat/GiB-month')
  assert.equal(formatPriceOf(storage, 25_600_001n), '25 600.001 sat/TiB-month')
  assert.equal(formatPriceOf(compute, 40_000n), '40 sat/Tfuel')
})
