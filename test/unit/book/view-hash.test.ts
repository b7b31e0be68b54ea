import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { hashOfView } from '../../../src/book/view/view-hash.js'

const HASH = Buffer.alloc(32, 7)
const never = (): Promise<Buffer> => new Promise(() => undefined)

/** A log whose sessions answer one after the other; `closed` counts those that were closed. */
class Log extends EventEmitter {
  closed = 0
  readonly #answers: (() => Promise<Buffer>)[]
  readonly view = {
    core: {
      session: () => ({
        treeHash: () => this.#answers.shift()!(),
        close: async () => void this.closed++
      })
    }
  }

  constructor(...answers: (() => Promise<Buffer>)[]) {
    super()
    this.#answers = answers
  }
}

const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }))

test('a hash that waits for a block of the view before a reordering is begun anew at the update', async () => {
  const log = new Log(never, never, async () => HASH)
  const hashed = hashOfView(log)
  for (let i = 1; i <= 2; i++) {
    log.emit('update')
    while (log.closed < i) await new Promise(resolve => setImmediate(resolve))
  }
  assert.equal(await hashed, HASH)
  assert.equal(log.closed, 3, 'no read is left')
  assert.equal(log.listenerCount('update'), 0)
})

test('a node that is missing during a reordering is read again after it', async () => {
  const log = new Log(failing('INVALID_OPERATION'), async () => HASH)
  const hashed = hashOfView(log)
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(log.closed, 0, 'it waits for the update')
  log.emit('update')
  assert.equal(await hashed, HASH)
  assert.equal(log.closed, 2)
})

test('any other failure to hash the view is passed on', async () => {
  const log = new Log(failing('SESSION_CLOSED'))
  await assert.rejects(hashOfView(log), { code: 'SESSION_CLOSED' })
  assert.equal(log.closed, 1)
})
