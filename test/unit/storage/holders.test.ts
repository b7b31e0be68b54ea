import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type Hypercore from 'hypercore'
import type { CoreLimit } from '#spec'
import type { BushelError } from '../../../contracts/errors/error.js'
import { openStore } from '../../../src/network/cores.js'
import { OpenPack } from '../../../src/storage/archive/packed.js'
import { sealOf } from '../../../src/storage/lease/audit.js'
import type { Holder, HolderKind } from '../../../src/storage/shelf/holder.js'
import { LeaseShelf } from '../../../src/storage/shelf/lease-shelf.js'
import { noise } from '../../parts/storage/packed-drive.js'
import { atEnd, connect, scratch } from '../../parts/storage/wire.js'
import type { Wire } from '../../parts/storage/wire.js'

/** A holder of another kind than a lease, which remembers what it was told. */
class Cache implements Holder {
  readonly group = ''
  readonly kind = 'cache'
  readonly id: string
  readonly cores: readonly CoreLimit[]
  readonly violations: string[] = []
  complete = false
  takesIn = true
  left: number
  isSaved = false

  constructor(id: string, cores: readonly CoreLimit[], left = 0) {
    this.id = id
    this.cores = cores
    this.left = left
  }

  egressLeft(): number {
    return this.left
  }

  mayRead(): boolean {
    return true
  }

  charge(bytes: number): void {
    this.left = Math.max(0, this.left - bytes)
  }

  completed(): void {
    this.complete = true
  }

  violated({ code }: BushelError): void {
    this.violations.push(code)
  }

  async save(): Promise<void> {
    this.isSaved = true
  }

  async forget(): Promise<void> {
    this.isSaved = false
  }
}

/** A link on which so many bytes pass in either direction, and the others once it is opened. */
class Gate {
  readonly isFull: Promise<void>
  open!: () => void
  readonly #isOpen: Promise<void>
  #tell!: () => void
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
    this.isFull = new Promise(resolve => (this.#tell = resolve))
    this.#isOpen = new Promise(resolve => (this.open = resolve))
  }

  link(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.#left -= chunk.byteLength
        if (this.#left > 0) return done(null, chunk)
        this.#tell()
        void this.#isOpen.then(() => done(null, chunk))
      }
    })
  }
}

interface Field {
  core: Hypercore
  packed: OpenPack
  folder: string
  limit: CoreLimit
  shelf(holders?: Cache[]): Promise<LeaseShelf>
}

/** A core of 60 blocks of somebody, and a shelf for leases and caches. */
async function field(t: TestContext): Promise<Field> {
  const folder = await scratch(t)
  const store = openStore(join(folder, 'own'))
  await store.ready()
  atEnd(t, () => store.close())
  const core = store.get({ name: 'core' })
  await core.append(Array.from({ length: 60 }, () => noise(10_000)))
  const { key, byteLength } = await sealOf(core, 60)
  return {
    core,
    packed: new OpenPack(store, [key]),
    folder: join(folder, 'shelf'),
    limit: { key, length: 60, byteLength },
    shelf: async (holders = []) => {
      const caches: HolderKind = { kind: 'cache', read: async () => ({ holders, unreadable: [] }) }
      const shelf = new LeaseShelf({ folder: join(folder, 'shelf'), margin: 0, kinds: [caches] })
      await shelf.ready()
      atEnd(t, () => shelf.close())
      return shelf
    }
  }
}

test('a core stays on the shelf as long as a holder of any kind names it', async t => {
  const { core, packed, folder, limit, shelf: open } = await field(t)
  const first = await open()
  const cache = new Cache('cache1', [{ ...limit, length: 20, byteLength: 200_000 }])
  await first.keep({ id: 'lease1', cores: [limit], egressBytes: 0 })
  await first.shelf.hold(cache)
  assert.ok(cache.isSaved)
  assert.deepEqual(
    first.leases.map(({ id }) => id),
    ['lease1'],
    'a cache is no lease'
  )
  assert.equal(first.has('cache1'), false)
  const wire = connect(packed, first)
  await first.attach('lease1', wire.ends[1])
  await first.fetch('lease1')
  await wire.cut()
  await first.shelf.fetch('cache1') // all of it is here
  assert.ok(cache.complete)
  await first.drop('lease1')
  assert.deepEqual(await first.shelf.seals('cache1'), [await sealOf(core, 20)])
  await first.close()

  const second = await open([cache])
  assert.deepEqual([...second.shelf.holders], [cache])
  assert.deepEqual(await second.shelf.seals('cache1'), [await sealOf(core, 20)], 'no sweep has taken it')
  await second.shelf.drop('cache1')
  assert.equal(cache.isSaved, false)
  assert.deepEqual(await readdir(join(folder, 'cores')), [])
})

test('a violation is of one holder: another one of the same core goes on with its own uploader', async t => {
  const { packed, limit, shelf: open } = await field(t)
  const shelf = await open()
  const small = new Cache('small', [{ ...limit, byteLength: 1000 }])
  const whole = new Cache('whole', [limit])
  await shelf.shelf.hold(small)
  await shelf.shelf.hold(whole)
  const gate = new Gate(100_000)
  const wires = [connect(packed, shelf, () => [gate.link()]), connect(packed, shelf)]
  await shelf.shelf.attach('whole', wires[0]!.ends[1])
  const fetching = shelf.shelf.fetch('whole')
  await gate.isFull
  await shelf.shelf.attach('small', wires[1]!.ends[1])
  await assert.rejects(shelf.shelf.fetch('small'), { code: 'CORE_TOO_LARGE' })
  assert.equal(whole.complete, false)
  gate.open()
  await fetching
  assert.deepEqual([small.violations, whole.violations], [['CORE_TOO_LARGE'], []])
  assert.deepEqual([small.complete, whole.complete], [false, true])
  for (const wire of wires) await wire.cut()
})

/** A reader of a core that a lease and a cache hold, each with so much egress, in bytes. */
async function readingFor(
  t: TestContext,
  egress: { lease1: number; cache1: number }
): Promise<{ shelf: LeaseShelf; cache: Cache; copy: Hypercore; down: Wire }> {
  const { core, packed, limit, shelf: open } = await field(t)
  const shelf = await open()
  const cache = new Cache('cache1', [limit], egress.cache1)
  await shelf.keep({ id: 'lease1', cores: [limit], egressBytes: egress.lease1 })
  await shelf.shelf.hold(cache)
  const up = connect(packed, shelf)
  await shelf.attach('lease1', up.ends[1])
  await shelf.fetch('lease1')
  await shelf.shelf.fetch('cache1')
  await up.cut()
  const reader = openStore(join(await scratch(t), 'reader'))
  await reader.ready()
  atEnd(t, () => reader.close())
  const copy = reader.get({ key: core.key })
  await copy.ready()
  const down = connect(shelf, null)
  copy.replicate(down.ends[1])
  return { shelf, cache, copy, down }
}

test('what is read is charged to one holder, and reading ends when nobody has any left', async t => {
  const { shelf, cache, copy, down } = await readingFor(t, { lease1: 100_000, cache1: 150_000 })
  const spent = once(shelf, 'egress-spent')
  copy.download({ start: 0, end: 60 })
  await spent
  await down.cut()
  const { usedBytes } = shelf.egress('lease1')
  assert.equal(cache.left, 0)
  assert.ok(usedBytes >= 100_000 && usedBytes <= 130_000, `${usedBytes} bytes`)
})

test('a reader goes on for another holder when the one for which it reads is silenced', async t => {
  const { shelf, cache, copy, down } = await readingFor(t, { lease1: 1 << 30, cache1: 1 << 30 })
  await copy.download({ start: 0, end: 1 }).done()
  const { usedBytes } = shelf.egress('lease1')
  assert.ok(usedBytes > 0)
  await shelf.silence('lease1')
  await copy.download({ start: 1, end: 60 }).done()
  assert.equal(shelf.egress('lease1').usedBytes, usedBytes)
  assert.ok(cache.left < 1 << 30)
  await down.cut()
})

test('a holder that takes nothing in is not fetched for, and an id is held once', async t => {
  const { packed, limit, shelf: open } = await field(t)
  const shelf = await open()
  const cache = new Cache('cache1', [limit])
  cache.takesIn = false
  await shelf.shelf.hold(cache)
  const wire = connect(packed, shelf)
  await shelf.shelf.attach('cache1', wire.ends[1])
  await assert.rejects(shelf.shelf.fetch('cache1'), { code: 'BAD_INPUT' })
  assert.deepEqual(cache.violations, [])
  cache.takesIn = true
  await shelf.shelf.fetch('cache1')
  await assert.rejects(shelf.shelf.hold(new Cache('cache1', [limit])), { code: 'BAD_INPUT' })
  await assert.rejects(shelf.keep({ id: 'cache1', cores: [limit], egressBytes: 1 }), { code: 'BAD_INPUT' })
  await assert.rejects(shelf.seals('cache1'), { code: 'LEASE_NOT_FOUND' })
  await wire.cut()
})
