import assert from 'node:assert/strict'
import test from 'node:test'
import { again, assertPaidOnce, isStep, mirrorOf, stage } from '../world/resume.js'
import { look } from '../samples/tree.js'
import type { MirrorResult } from '../world/world.js'

test(
  'a provider killed during the upload comes back, and the mirror is finished',
  { timeout: 120_000 },
  async t => {
    const { world, market, source } = await stage(t)
    await world.join('buyer', market)
    const first = world.processes.start(mirrorOf(source), { home: world.at('buyer') })
    await first.line(isStep('upload'))
    await world.kill('one')
    await world.up('one')
    const { code } = await first.ended
    const result = code === 0 ? first.lines.at(-1)! : await again(world, 'buyer', mirrorOf(source))
    const mirror = result as unknown as MirrorResult
    await assertPaidOnce(world, 'buyer', mirror)

    await t.test('a reader killed during the restore resumes it', async () => {
      await world.home('reader')
      const dest = world.at('restored')
      const restore = ['restore', mirror.link, dest]
      const reading = world.processes.start(restore, { home: world.at('reader') })
      await reading.line(isStep('write'))
      await reading.kill('SIGKILL')
      await world.ok('reader', restore)
      assert.deepEqual(await look(dest), await look(source))
    })

    await t.test('a provider killed during a restore does not stop it', async () => {
      await world.home('other')
      const dest = world.at('restored-2')
      const reading = world.processes.start(['restore', mirror.link, dest], { home: world.at('other') })
      await reading.line(isStep('write'))
      await world.kill('two')
      assert.equal((await reading.ended).code, 0, JSON.stringify(reading.lines.at(-1)))
      assert.deepEqual(await look(dest), await look(source))
    })
  }
)
