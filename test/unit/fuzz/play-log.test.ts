import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { CommitLog, DamagedLogError } from '../../../src/lightning/backends/play/log/log.js'
import { folder } from '../../parts/folder.js'
import { mutated, mutations, runs } from '../../samples/mutation.js'

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

/** Reads a damaged file; null when it is refused for the damage and left unchanged. */
async function attempt<T>(file: string, input: Buffer, read: () => Promise<T>): Promise<T | null> {
  await writeFile(file, input)
  try {
    return await read()
  } catch (error) {
    assert.ok(error instanceof DamagedLogError, String(error))
    assert.deepEqual(await readFile(file), input)
    return null
  }
}

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
