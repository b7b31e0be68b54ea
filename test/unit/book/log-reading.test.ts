import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { covers } from '../../../src/book/log/log.js'
import type { CoveringLog } from '../../../src/book/log/log.js'
import { readFrom } from '../../../src/book/log/reading.js'

const closed = (): Error =>
  Object.assign(new Error('cannot get on a closed session'), { code: 'SESSION_CLOSED' })

/** A log whose system is closed until it is updated, as one is that skips ahead. */
class SkippingLog {
  closing: Promise<void> | null = null
  updates = 0
  readonly #later: unknown[]
  system: CoveringLog['system'] = { get: () => Promise.reject(closed()) }

  constructor(...later: CoveringLog['system'][]) {
    this.#later = later
  }

  async update(): Promise<void> {
    this.updates++
    if (this.#later.length > 0) this.system = this.#later.shift() as CoveringLog['system']
  }
}

const KEY = randomBytes(32)
const heads = [{ key: KEY, length: 3 }]
const system = (length: number): CoveringLog['system'] => ({ get: async () => ({ length }) })

test('heads are compared with what a log has after it skipped ahead', async () => {
  assert.equal(await covers(new SkippingLog(system(3)), heads), true)
  assert.equal(await covers(new SkippingLog(system(2)), heads), false)
  const twice = new SkippingLog({ get: () => Promise.reject(closed()) }, system(4))
  assert.equal(await covers(twice, heads), true)
  assert.equal(twice.updates, 2)
})

test('a session that was closed for another reason ends the read', async () => {
  const log = new SkippingLog()
  await assert.rejects(covers(log, heads), { code: 'SESSION_CLOSED' })
  assert.equal(log.updates, 1, 'the log did not skip ahead')
  const closing = new SkippingLog(system(3))
  closing.closing = Promise.resolve()
  await assert.rejects(covers(closing, heads), { code: 'SESSION_CLOSED' })
  assert.equal(closing.updates, 0)
})

test('a log that skips ahead for ever, and every other error, ends the read', async () => {
  const again = (): CoveringLog['system'] => ({ get: () => Promise.reject(closed()) })
  const log = new SkippingLog(...Array.from({ length: 100 }, again))
  await assert.rejects(covers(log, heads), { code: 'SESSION_CLOSED' })
  assert.ok(log.updates < 100)
  const sound = new SkippingLog(system(3))
  const failing = async (): Promise<never> =>
    Promise.reject(Object.assign(new Error('gone'), { code: 'ENOENT' }))
  await assert.rejects(readFrom(sound, failing), { code: 'ENOENT' })
  assert.equal(sound.updates, 0)
})
