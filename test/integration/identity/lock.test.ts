import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { BushelError } from '../../../contracts/errors/error.js'
import { HomeLock } from '../../../src/identity/lock.js'
import { Children } from '../../world/children.js'

async function lockFile(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-lock-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return join(dir, 'node.lock')
}

const me = { pid: process.pid, command: 'up', control: '/somewhere/control.sock' }

test('a home has one holder at a time, whose process is named', async t => {
  const file = await lockFile(t)
  assert.equal(HomeLock.holder(file), null)
  const lock = await HomeLock.take(file, me)
  assert.deepEqual(HomeLock.holder(file), me)
  await assert.rejects(HomeLock.take(file, me), (error: BushelError) => {
    assert.equal(error.code, 'ALREADY_RUNNING')
    assert.equal(error.exit, 2)
    assert.match(error.message, new RegExp(`process ${process.pid}\\b`))
    return true
  })
  lock.release()
  lock.release()
  assert.equal(HomeLock.holder(file), null)
  ;(await HomeLock.take(file, me)).release()
})

test('exactly one of many concurrent lockers succeeds, and readers block nobody', async t => {
  const file = await lockFile(t)
  const looking = setInterval(() => HomeLock.holder(file), 1)
  const taken = await Promise.allSettled(Array.from({ length: 8 }, () => HomeLock.take(file, me)))
  clearInterval(looking)
  const won = taken.filter(result => result.status === 'fulfilled')
  assert.equal(won.length, 1)
  won[0]!.value.release()
})

test('the lock of a killed process is free at once', async t => {
  const file = await lockFile(t)
  await writeFile(file, '{"pid": 1, "comm') // as a kill in the middle of writing leaves it
  const code = `
    import { HomeLock } from ${JSON.stringify(new URL('../../../src/identity/lock.js', import.meta.url).href)}
    await HomeLock.take(${JSON.stringify(file)}, { pid: process.pid, command: 'mirror', control: null })
    console.log('{"held":true}')
    setInterval(() => {}, 1000)`
  const child = (await Children.open(t)).code(code)
  await child.line(line => line['held'] === true)
  assert.deepEqual(HomeLock.holder(file), { pid: child.pid, command: 'mirror', control: null })
  await assert.rejects(HomeLock.take(file, me), { code: 'ALREADY_RUNNING', message: /bushel mirror/ })
  await child.kill('SIGKILL')
  assert.equal(HomeLock.holder(file), null)
  ;(await HomeLock.take(file, me)).release()
})
