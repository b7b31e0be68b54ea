import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import type { Change } from '../../../src/store/backend/backend.js'
import { LmdbBackend } from '../../../src/store/backend/lmdb-backend.js'
import { everything } from '../../../src/store/layout.js'
import { folder } from '../../parts/folder.js'

const PAGE = 4096
const ROUNDS = 60

/** Numbers that are the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Rows of many sizes, some on pages of their own, of which a fourth is removed again. */
function changes(random: (below: number) => number): Change[] {
  const last = new Map<string, Change>()
  for (let n = 0; n < 60; n++) {
    const name = `t${random(1500)}`
    const size = random(20) ? random(300) : random(20_000)
    const value = random(4) ? Buffer.alloc(size, name) : null
    last.set(name, { key: Buffer.from(name), value })
  }
  return [...last.values()]
}

/** Opens the store, reads and writes it to the end; gives the code of the refusal, or null. */
async function use(path: string, random: (below: number) => number): Promise<string | null> {
  const store = new LmdbBackend(path)
  try {
    await store.ready()
  } catch (error) {
    assert.ok(error instanceof BushelError, String(error))
    return error.code
  }
  for (let n = 0; n < 3; n++) {
    await store.commit(changes(random))
    for (const { key } of store.range(everything)) store.get(key)
  }
  await store.close()
  return null
}

/** What a disk or a copy does to one page. */
const DAMAGES: Record<string, (bytes: Buffer, page: number, random: (below: number) => number) => void> = {
  'a page of zeros': (bytes, page) => bytes.fill(0, page * PAGE, (page + 1) * PAGE),
  'a page of another place': (bytes, page, random) => {
    const from = random(bytes.byteLength / PAGE) * PAGE
    bytes.copy(bytes, page * PAGE, from, from + PAGE)
  },
  'a flipped bit': (bytes, page, random) => {
    bytes[page * PAGE + random(PAGE)]! ^= 1 << random(8)
  },
  'a flipped bit in the head of a page': (bytes, page, random) => {
    bytes[page * PAGE + random(64)]! ^= 1 << random(8)
  },
  'a flipped bit at the start of the file': (bytes, page, random) => {
    bytes[(page % 2) * PAGE + random(168)]! ^= 1 << random(8)
  },
  'random bytes': (bytes, page, random) => {
    for (let n = 0; n < 64; n++) bytes[page * PAGE + random(PAGE)] = random(256)
  }
}
for (const [name, damage] of Object.entries(DAMAGES)) {
  test(`${name}: the store is refused, or can be read and written to the end`, async t => {
    const home = await folder(t)
    const whole = join(home, 'whole')
    const store = new LmdbBackend(whole)
    await store.ready()
    const rows = numbers(1)
    for (let n = 0; n < 60; n++) await store.commit(changes(rows))
    await store.close()
    const bytes = await readFile(join(whole, 'data.mdb'))

    let refused = 0
    for (let round = 0; round < ROUNDS; round++) {
      const random = numbers(round * 7919 + 13)
      const damaged = Buffer.from(bytes)
      const page = name.includes('start of the file') ? round : random(bytes.byteLength / PAGE)
      damage(damaged, page, random)
      const path = join(home, `damaged-${round}`)
      await mkdir(path)
      await writeFile(join(path, 'data.mdb'), damaged)
      const code = await use(path, random)
      if (code !== null) refused++
      assert.ok(code === null || code === 'BAD_STORE', `round ${round}: ${code}`)
    }
    assert.ok(refused > 0, 'some damage is found')
  })
}
