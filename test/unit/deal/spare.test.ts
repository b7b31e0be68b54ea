import assert from 'node:assert/strict'
import { test } from 'node:test'
import { doneOrReplaced } from '../../../src/deal/sellers/spare.js'
import type { Replaced } from '../../../src/deal/sellers/spare.js'
import { ManualClock, turn } from '../../doubles/manual-clock.js'

const SILENT = 15_000
interface Named {
  name: string
}

const SPARE: Named = { name: 'spare' }

/** A seller that says something when the test says so, and what is done about it. */
class Scene {
  readonly clock = new ManualClock()
  readonly done: string[] = []
  answer!: () => void
  finish!: () => void
  agreed!: (spare: Named | null) => void
  readonly outcome: Promise<Replaced<Named> | null>

  constructor(signal = new AbortController().signal) {
    const work = (stop: AbortSignal, onnews: () => void): Promise<void> => {
      this.answer = onnews
      return new Promise<void>((resolve, reject) => {
        this.finish = resolve
        stop.addEventListener('abort', () => reject(stop.reason as Error))
      })
    }
    this.outcome = doneOrReplaced(work, {
      ...{ name: 'first', signal, silentMs: SILENT, clock: this.clock },
      agree: () => {
        this.done.push('agree')
        return new Promise(resolve => (this.agreed = resolve))
      },
      drop: spare => Promise.resolve(void this.done.push(`drop ${spare.name}`))
    })
    this.outcome.catch(() => undefined)
  }
}

test('a seller that answers now and then is waited for', async () => {
  const scene = new Scene()
  for (let i = 0; i < 10; i++) {
    await scene.clock.advance(SILENT - 1)
    scene.answer()
  }
  scene.finish()
  assert.equal(await scene.outcome, null)
  assert.deepEqual(scene.done, [])
  assert.equal(scene.clock.timers, 0)
})

test('a seller is waited for as long as its work took so far, as that would begin anew', async () => {
  const scene = new Scene()
  for (let i = 0; i < 4; i++) {
    await scene.clock.advance(SILENT)
    scene.answer()
  }
  await scene.clock.advance(4 * SILENT)
  assert.deepEqual(scene.done, [])
  await scene.clock.advance(SILENT)
  assert.deepEqual(scene.done, ['agree'])
})

test('a silent seller is left once another one has agreed', async () => {
  const scene = new Scene()
  await scene.clock.advance(2 * SILENT)
  assert.deepEqual(scene.done, ['agree'])
  scene.agreed(SPARE)
  const { by, error } = (await scene.outcome)!
  assert.equal(by, SPARE)
  assert.equal(error.code, 'STALLED')
})

test('a silent seller is waited for when nobody else agrees', async () => {
  const scene = new Scene()
  await scene.clock.advance(2 * SILENT)
  scene.agreed(null)
  await scene.clock.advance(2 * SILENT)
  scene.finish()
  assert.equal(await scene.outcome, null)
  assert.deepEqual(scene.done, ['agree'])
})

test('a seller that answers again while another one is asked goes on, and the other is told', async () => {
  const scene = new Scene()
  await scene.clock.advance(2 * SILENT)
  scene.answer()
  scene.agreed(SPARE)
  await turn()
  scene.finish()
  await scene.clock.advance(SILENT)
  assert.equal(await scene.outcome, null)
  assert.deepEqual(scene.done, ['agree', 'drop spare'])
})

test('a seller is not left when it was our own network that was interrupted while another one agreed', async () => {
  const scene = new Scene()
  await scene.clock.advance(2 * SILENT)
  await scene.clock.sleep(0)
  scene.agreed(SPARE)
  await turn()
  assert.deepEqual(scene.done, ['agree', 'drop spare'])
  scene.finish()
  await scene.clock.advance(SILENT)
  assert.equal(await scene.outcome, null)
})

test('work that is stopped ends the wait', async () => {
  const stop = new AbortController()
  const scene = new Scene(stop.signal)
  await turn()
  stop.abort(new Error('stopped'))
  await assert.rejects(scene.outcome, /stopped/)
  assert.deepEqual(scene.done, [])
})
