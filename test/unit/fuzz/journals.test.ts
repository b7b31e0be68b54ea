import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { encode } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { Facts } from '../../../src/store/facts.js'
import { Journal } from '../../../src/store/journal.js'
import { CommitLog, DamagedLogError } from '../../../src/lightning/backends/play/log/log.js'
import { folder } from '../../parts/folder.js'
import { bytes, mutated, mutations, runs } from '../../samples/mutation.js'

/** Damage by a disk, without splices: a file of valid whole frames is valid. */
const damage = fc.oneof(
  mutations.filter(list => list.every(({ kind }) => kind !== 'splice')),
  // Zeros over a stretch, as a power cut leaves them.
  fc.record({ at: fc.nat(), size: fc.integer({ min: 1, max: 600 }) })
)
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never

function damaged(whole: Buffer, how: Damage): Buffer {
  if (Array.isArray(how)) return mutated(whole, how)
  const copy = Buffer.from(whole)
  const at = how.at % whole.byteLength
  return copy.fill(0, at, Math.min(at + how.size, whole.byteLength))
}

const badJournal = (error: unknown): boolean => error instanceof BushelError && error.code === 'BAD_JOURNAL'

/** Reads a damaged file; null when it is refused for the damage and left unchanged. */
async function attempt<T>(file: string, input: Buffer, read: () => Promise<T>): Promise<T | null> {
  await writeFile(file, input)
  try {
    return await read()
  } catch (error) {
    assert.ok(badJournal(error) || error instanceof DamagedLogError, String(error))
    assert.deepEqual(await readFile(file), input)
    return null
  }
}

test('a damaged journal is refused or read up to the damage', { timeout: 60_000 }, async t => {
  const file = join(await folder(t), 'journal')
  const batches = Array.from({ length: 5 }, (_, i) => [
    Buffer.alloc(i * 60, i),
    Buffer.from(`entry ${i}`),
    Buffer.alloc(0)
  ])
  const journal = new Journal(file)
  await journal.ready()
  for (const batch of batches) await journal.append(...batch)
  await journal.close()
  const whole = await readFile(file)
  const prefixes = batches.map((_, i) => batches.slice(0, i).flat()).concat([batches.flat()])
  await fc.assert(
    fc.asyncProperty(damage, fc.boolean(), async (how, opening) => {
      const entries: Buffer[] = []
      const found = await attempt(file, damaged(whole, how), async () => {
        if (!opening) await Journal.read(file, entry => entries.push(entry))
        else {
          const again = new Journal(file, entry => entries.push(entry))
          await again.ready()
          await again.append(Buffer.from('after'))
          await again.close()
          const after: Buffer[] = []
          await Journal.read(file, entry => after.push(entry))
          assert.deepEqual(after, [...entries, Buffer.from('after')])
        }
        return entries
      })
      if (found) assert.ok(prefixes.some(prefix => Buffer.concat(prefix).equals(Buffer.concat(found))))
      if (found) assert.ok(prefixes.some(({ length }) => length === found.length))
    }),
    runs(400)
  )
  await fc.assert(
    fc.asyncProperty(bytes(300), async input => {
      const found = await attempt(file, input, async () => {
        const entries: Buffer[] = []
        await Journal.read(file, entry => entries.push(entry))
        return entries
      })
      assert.deepEqual(found, [])
    }),
    runs(100)
  )
})

/** A damaged file is refused, or read as it stood at one of these times. */
async function assertEarlierOrRefused(
  file: string,
  times: string[],
  read: () => Promise<string>,
  count: number
): Promise<void> {
  const whole = await readFile(file)
  await fc.assert(
    fc.asyncProperty(damage, async how => {
      const found = await attempt(file, damaged(whole, how), read)
      if (found !== null) assert.ok(times.includes(found), found)
    }),
    runs(count)
  )
}

test('damaged facts are refused or are those of an earlier time', { timeout: 60_000 }, async t => {
  const file = join(await folder(t), 'facts')
  const facts = new Facts(file)
  await facts.ready()
  const key = Buffer.from('key')
  const seen = (from: Facts): string => `${from.get('a', key)?.toString()}/${from.get('b', key)?.toString()}`
  const times = [seen(facts)]
  for (let i = 0; i < 6; i++) {
    const value = Buffer.from(`${i} ${'x'.repeat(i * 20)}`)
    await facts.set({ kind: 'a', key, value }, { kind: 'b', key, value: i % 3 === 2 ? null : value })
    times.push(seen(facts))
  }
  await facts.close()
  await assertEarlierOrRefused(file, times, async () => seen(await Facts.read(file)), 400)
})

test('whole frames that are not facts are refused as malformed', { timeout: 60_000 }, async t => {
  const dir = await folder(t)
  const good = encode('change-set', {
    changes: [encode('fact', { kind: 'a', key: Buffer.alloc(4, 1), value: Buffer.alloc(9, 2) })]
  })
  let n = 0
  await fc.assert(
    fc.asyncProperty(mutations, async list => {
      const file = join(dir, `${n++}`)
      const journal = new Journal(file)
      await journal.ready()
      await journal.append(mutated(good, list))
      await journal.close()
      try {
        await Facts.read(file)
      } catch (error) {
        assert.ok(error instanceof BushelError && error.code === 'MALFORMED', String(error))
      }
    }),
    runs(60)
  )
})

test(
  'a damaged log of a play wallet is refused or holds the state after one of its commits',
  { timeout: 60_000 },
  async t => {
    const file = join(await folder(t), 'log')
    const seen = (log: CommitLog): string =>
      [...log.keys()].map(key => `${key}=${log.get(key)!.toString()}`).join()
    const log = new CommitLog(file)
    const times = [seen(log)]
    for (let i = 0; i < 6; i++) {
      log.commit(
        new Map([
          ['a', Buffer.from(`${i}`.repeat(i * 15 + 1))],
          [`b${i % 3}`, i === 4 ? null : Buffer.from(`${i}`)]
        ])
      )
      times.push(seen(log))
    }
    log.close()
    const whole = await readFile(file)
    await fc.assert(
      fc.asyncProperty(damage, async how => {
        const found = await attempt(file, damaged(whole, how), async () => {
          const again = new CommitLog(file)
          const held = seen(again)
          again.commit(new Map([['after', Buffer.from('it')]]))
          assert.equal(seen(again), held ? `${held},after=it` : 'after=it')
          again.close()
          return held
        })
        if (found !== null) assert.ok(times.includes(found), found)
      }),
      runs(300)
    )
  }
)
