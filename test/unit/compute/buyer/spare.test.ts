import assert from 'node:assert/strict'
import { test } from 'node:test'
import { committedOrReplaced } from '../../../../src/compute/buyer/run/spare.js'
import type { Replaced } from '../../../../src/compute/buyer/run/spare.js'
import type { Replica } from '../../../../src/compute/buyer/run/replica.js'
import { ManualClock, turn } from '../../../doubles/manual-clock.js'
import { Buyer, never } from '../../../parts/compute/buyer.js'

const SILENT = 15_000
const SPARE = { name: 'spare' } as Replica

/** A provider that answers when the test says so, and what a run does about it. */
class Scene {
  readonly clock = new ManualClock()
  readonly done: string[] = []
  answer!: () => void
  commit!: () => void
  hired!: (spare: Replica | null) => void
  readonly outcome: Promise<Replaced | null>

  constructor(signal = never) {
    const replica = {
      name: 'first',
      commit: (_listener: unknown, stop: AbortSignal, onanswer: () => void) => {
        this.answer = onanswer
        return new Promise<void>((resolve, reject) => {
          this.commit = resolve
          stop.addEventListener('abort', () => reject(stop.reason as Error))
        })
      }
    } as unknown as Replica
    this.outcome = committedOrReplaced(replica, {
      listener: { note: () => undefined, state: () => undefined, paid: () => undefined },
      ...{ signal, silentMs: SILENT, clock: this.clock },
      hire: () => {
        this.done.push('hire')
        return new Promise(resolve => (this.hired = resolve))
      },
      drop: async spare => void this.done.push(`drop ${spare.name}`)
    })
    this.outcome.catch(() => undefined)
  }
}

test('a provider that answers now and then is waited for', async () => {
  const scene = new Scene()
  for (let i = 0; i < 10; i++) {
    await scene.clock.advance(SILENT - 1)
    scene.answer()
  }
  scene.commit()
  assert.equal(await scene.outcome, null)
  assert.deepEqual(scene.done, [])
  assert.equal(scene.clock.timers, 0)
})

test('a silent provider is left once another one has agreed', async () => {
  const scene = new Scene()
  await scene.clock.advance(2 * SILENT)
  assert.deepEqual(scene.done, ['hire'])
  scene.hired(SPARE)
  const { by, error } = (await scene.outcome)!
  assert.equal(by, SPARE)
  assert.equal(error.code, 'STALLED')
})

test('a silent provider is waited for when nobody else agrees', async () => {
  const scene = new Scene()
  await scene.clock.advance(2 * SILENT)
  scene.hired(null)
  await scene.clock.advance(2 * SILENT)
  scene.commit()
  assert.equal(await scene.outcome, null)
  assert.deepEqual(scene.done, ['hire'])
})

test('a provider that answers again while another one is asked goes on, and the other is told', async () => {
  const scene = new Scene()
  await scene.clock.advance(2 * SILENT)
  scene.answer()
  scene.hired(SPARE)
  await turn()
  scene.commit()
  await scene.clock.advance(SILENT)
  assert.equal(await scene.outcome, null)
  assert.deepEqual(scene.done, ['hire', 'drop spare'])
})

test('a run that is stopped ends the wait', async () => {
  const stop = new AbortController()
  const scene = new Scene(stop.signal)
  await turn()
  stop.abort(new Error('stopped'))
  await assert.rejects(scene.outcome, /stopped/)
  assert.deepEqual(scene.done, [])
})

test('a run whose provider falls silent after its first payment ends with the next one', async t => {
  const clock = new ManualClock()
  const buyer = await Buyer.open(t, clock)
  const { fakes, experiences } = buyer
  const [a, b] = [fakes.add('a', { hold: new Promise(() => undefined) }), fakes.add('b')]
  const running = buyer.run()
  await fakes.seen(/^work a$/)
  // Each look at the silence is a timer.
  for (let i = 0; i < 100 && !fakes.log.includes('commit b'); i++) await clock.advance(SILENT)
  const outcome = await running
  assert.equal(outcome.status, 'ok')
  assert.ok(fakes.log.includes('abandon a'))
  assert.match(buyer.notes.join('\n'), /it no longer answers, and \w+ does.*1 sat were paid to it/)
  assert.deepEqual(experiences.slow.last([a.ask, b.ask]), [b.ask, a.ask])
  assert.equal(experiences.of(a.ask.identity), null, 'nobody is blamed for silence')
})
