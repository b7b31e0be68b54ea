import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MIB } from '../../../contracts/money/quantity.js'
import { RELAY_LOG, RelayVolumes } from '../../../src/book/relay/relay-volumes.js'

const key = (i: number): Buffer => Buffer.alloc(32, i)

test('a relay is expelled once it has written more than its orders take, and no other', async () => {
  let now = 0
  const cores = new Map([
    [1, 500 * MIB],
    [2, 0]
  ])
  const relays = new Map([[key(11).toString('hex'), key(1)]])
  const expelled: Buffer[] = []
  const volumes = new RelayVolumes({
    writers: () => [...cores].map(([i, byteLength]) => ({ key: key(i), byteLength })),
    relays: () => relays,
    expel: device => Promise.resolve(void expelled.push(device)),
    now: () => now
  })
  await volumes.look()
  relays.set(key(12).toString('hex'), key(2))
  for (let hour = 0; hour < 100; hour++) {
    now += 3_600_000
    for (const [i, bytes] of cores) cores.set(i, bytes + 3600 * RELAY_LOG.perSecond)
    await volumes.look()
  }
  assert.deepEqual(expelled, [], 'what was there before the first look is free, and the rate is kept')
  cores.set(2, cores.get(2)! + RELAY_LOG.burst + 1)
  await volumes.look()
  await volumes.look()
  assert.deepEqual(expelled, [key(12)])

  relays.set(key(13).toString('hex'), key(3))
  cores.set(3, RELAY_LOG.burst + 1)
  await volumes.look()
  assert.deepEqual(expelled, [key(12), key(13)], 'all that a new relay has written counts')
})
