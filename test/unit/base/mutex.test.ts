import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedMutex, Mutex } from '../../../src/base/mutex.js'

/** A task that ends on request and records its start and end. */
function controlled(
  log: string[],
  name: string
): { work: () => Promise<string>; end: (error?: Error) => void } {
  let end!: (error?: Error) => void
  const ended = new Promise<void>((resolve, reject) => {
    end = error => (error ? reject(error) : resolve())
  })
  const work = async (): Promise<string> => {
    log.push(`${name} begins`)
    try {
      await ended
    } finally {
      log.push(`${name} ends`)
    }
    return name
  }
  return { work, end }
}

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('tasks on one key run one after the other in the order of their arrival', async () => {
  const mutex = new KeyedMutex()
  const log: string[] = []
  const [a, b, c] = ['a', 'b', 'c'].map(name => controlled(log, name)) as [
    ReturnType<typeof controlled>,
    ReturnType<typeof controlled>,
    ReturnType<typeof controlled>
  ]
  const all = [mutex.run('key', a.work), mutex.run('key', b.work), mutex.run('key', c.work)]
  for (const piece of [c, b, a]) {
    piece.end()
    await settle()
  }
  assert.deepEqual(await Promise.all(all), ['a', 'b', 'c'])
  assert.deepEqual(log, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('tasks on different keys run at the same time', async () => {
  const mutex = new KeyedMutex()
  const log: string[] = []
  const [a, b] = [controlled(log, 'a'), controlled(log, 'b')]
  const all = [mutex.run('one', a.work), mutex.run('two', b.work)]
  await settle()
  assert.deepEqual(log, ['a begins', 'b begins'])
  assert.equal(mutex.working.length, 2)
  a.end()
  b.end()
  await Promise.all(all)
})

test('a failing task rejects for its own caller only, and the next task runs', async () => {
  const mutex = new KeyedMutex()
  const log: string[] = []
  const [a, b] = [controlled(log, 'a'), controlled(log, 'b')]
  const failed = mutex.run('key', a.work)
  const next = mutex.run('key', b.work)
  a.end(new Error('it failed'))
  b.end()
  await assert.rejects(failed, /it failed/)
  assert.equal(await next, 'b')
  const thrown = mutex.run('key', () => {
    throw new Error('at once')
  })
  await assert.rejects(thrown, /at once/)
  assert.equal(await mutex.run('key', () => Promise.resolve('after')), 'after')
})

test('idle resolves after all tasks, including later and failing ones, and no key stays in memory', async () => {
  const mutex = new KeyedMutex()
  const log: string[] = []
  const [a, b] = [controlled(log, 'a'), controlled(log, 'b')]
  const failed = assert.rejects(mutex.run('key', a.work), /it failed/)
  const idle = mutex.idle().then(() => log.push('idle'))
  const added = mutex.run('other', b.work)
  a.end(new Error('it failed'))
  await failed
  await settle()
  assert.ok(!log.includes('idle'))
  b.end()
  await Promise.all([added, idle])
  assert.equal(log.at(-1), 'idle')
  assert.equal(mutex.working.length, 0)
})

test('a mutex without keys runs all tasks one after the other', async () => {
  const mutex = new Mutex()
  let running = 0
  let most = 0
  const work = async (): Promise<void> => {
    most = Math.max(most, ++running)
    await settle()
    running--
  }
  await Promise.all([mutex.run(work), mutex.run(work), mutex.run(work)])
  await mutex.idle()
  assert.equal(most, 1)
})
