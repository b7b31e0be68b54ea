import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lease } from '#spec'
import { Serving } from '../../../src/storage/provider/serving.js'
import { paidInstallment } from '../../samples/evidence/paid-installment.js'
import { person } from '../../samples/people.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'

test('a provider that closes is announced on no topic any more', async () => {
  const joined: string[] = []
  const announcer = {
    join: (topic: Buffer) => joined.push(topic.toString('hex')),
    leave: async (topic: Buffer) => void joined.splice(joined.indexOf(topic.toString('hex')), 1)
  }
  const shelf = { serve: async () => true, silence: async () => undefined, unsilence: () => undefined }
  const serving = new Serving(shelf, announcer)
  const [one, other] = await person(2)
  const leases = [1, 2, 3].map(n => {
    const cores = [{ key: Buffer.alloc(32, n), length: 1, byteLength: 1 }]
    const { terms } = paidInstallment(one!, other!, { cores })
    return { role: 'provider', state: LEASE.STORED, terms } as Lease
  })
  for (const lease of [...leases, leases[0]!]) serving.begin(lease)
  assert.equal(joined.length, 3)
  await serving.end(leases[1]!)
  assert.equal(joined.length, 2)
  await serving.close()
  await serving.close()
  assert.deepEqual(joined, [])
  await serving.end(leases[0]!)
  assert.deepEqual(joined, [], 'nothing is left twice')
})
