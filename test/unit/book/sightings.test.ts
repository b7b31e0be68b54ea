import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_SIGHTINGS } from '../../../contracts/schema/counts.js'
import { BOUNDS } from '../../../src/base/bounds/bounds.js'
import { SeenDevices } from '../../../src/book/relay/seen-devices.js'
import { SightingBook } from '../../../src/book/sightings.js'

const MINUTE = 60_000
const key = (i: number): Buffer => Buffer.alloc(32, String(i).padStart(8, '0'))

test('a relay knows since when a device is gone, and that a connected one is there', () => {
  let now = 1000
  const seen = new SeenDevices(() => now)
  assert.equal(seen.ago(key(1)), null)
  seen.came(key(1), null)
  seen.came(key(1), null)
  seen.left(key(1))
  now += MINUTE
  assert.equal(seen.ago(key(1)), 0, 'one of its two connections is open')
  seen.left(key(1))
  now += MINUTE
  assert.equal(seen.ago(key(1)), MINUTE)
})

test('the devices of one address, and all together, are few; the one gone for longest is forgotten', () => {
  let now = 0
  const seen = new SeenDevices(() => now++)
  const { address, all } = BOUNDS.sightings
  seen.came(key(0), 'there')
  for (let i = 1; i <= address; i++) {
    seen.came(key(i), 'there')
    seen.left(key(i))
  }
  assert.equal(seen.size, address)
  assert.equal(seen.ago(key(0)), 0, 'the connected one stays')
  assert.equal(seen.ago(key(1)), null, 'the one gone for longest is forgotten')
  for (let i = 1000; i < 1000 + 2 * all; i++) {
    seen.came(key(i), `address ${i}`)
    seen.left(key(i))
  }
  assert.equal(seen.size, all)
  assert.equal(seen.ago(key(0)), 0)
})

/** A relay that has seen some devices, and counts its questions. */
function relayOf(agos: Map<string, number>): {
  questions: number[]
  seenAgo(devices: Buffer[]): Promise<(number | null)[]>
} {
  const questions: number[] = []
  return {
    questions,
    seenAgo: devices => {
      questions.push(devices.length)
      return Promise.resolve(devices.map(device => agos.get(device.toString('hex')) ?? null))
    }
  }
}

test('relays are asked about many devices in a few questions, once a minute, and the newest word counts', async () => {
  let now = 10 * MINUTE
  const id = (i: number): string => key(i).toString('hex')
  const one = relayOf(new Map([[id(1), 3 * MINUTE]]))
  const other = relayOf(new Map([[id(1), MINUTE], [id(2), 2 * MINUTE]])) // prettier-ignore
  const silent = { seenAgo: () => Promise.reject(new Error('it left')) }
  const book = new SightingBook({ relays: () => [one, other, silent], own: () => null, now: () => now })
  const devices = Array.from({ length: 3 * MAX_SIGHTINGS }, (_, i) => key(i))
  const expected = new Map([[id(1), 9 * MINUTE], [id(2), 8 * MINUTE]]) // prettier-ignore
  assert.deepEqual(new Map(await book.of(devices)), expected)
  assert.deepEqual(new Map(await book.of(devices)), expected)
  assert.deepEqual(one.questions, [MAX_SIGHTINGS, MAX_SIGHTINGS, MAX_SIGHTINGS])
  now += 2 * MINUTE
  await book.of(devices.slice(0, 10))
  assert.deepEqual(one.questions.slice(3), [10])
})

test('without a relay nothing is known, and nothing is remembered', async () => {
  const relays: ReturnType<typeof relayOf>[] = []
  const book = new SightingBook({ relays: () => relays, own: () => null, now: () => MINUTE })
  assert.equal((await book.of([key(1)])).size, 0)
  relays.push(relayOf(new Map([[key(1).toString('hex'), 0]])))
  assert.equal((await book.of([key(1)])).size, 1)
})

test('silent relays hide no other, and each is named', async () => {
  const left = Array.from({ length: 3 }, () => ({ seenAgo: () => Promise.reject(new Error('no answer')) }))
  const honest = relayOf(new Map([[key(1).toString('hex'), 0]]))
  const silent: unknown[] = []
  const book = new SightingBook({
    relays: () => [...left, honest],
    onsilent: relay => silent.push(relay),
    own: () => null,
    now: () => MINUTE
  })
  assert.deepEqual([...(await book.of([key(1)])).keys()], [key(1).toString('hex')])
  assert.deepEqual(silent, left)
})

test('one relay of three neither makes the dead living nor the living dead', async () => {
  const [living, dead] = [key(1), key(2)].map(device => device.toString('hex')) as [string, string]
  const liar = relayOf(new Map([[dead, 0]]))
  const honest = [0, MINUTE].map(ago => relayOf(new Map([[living, ago]])))
  const book = new SightingBook({ relays: () => [liar, ...honest], own: () => null, now: () => 9 * MINUTE })
  assert.deepEqual(new Map(await book.of([key(1), key(2)])), new Map([[living, 8 * MINUTE]]))
})
