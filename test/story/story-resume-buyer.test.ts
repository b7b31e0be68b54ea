import assert from 'node:assert/strict'
import test from 'node:test'
import type { Line } from '../../bin/demo/processes.js'
import { again, assertPaidOnce, isPayment, isStep, mirrorOf, stage } from '../world/resume.js'
import type { MirrorResult } from '../world/world.js'

test(
  'a buyer killed again and again resumes where it stopped and pays nothing twice',
  {
    timeout: 150_000
  },
  async t => {
    const { world, market, source } = await stage(t)
    await world.join('buyer', market)
    const points: [name: string, at: (line: Line) => boolean][] = [
      ['while packing', isStep('pack')],
      ['right after the first payment', isPayment(0)],
      ['while uploading', isStep('upload')],
      ['between payments', isPayment(2)]
    ]
    for (const [name, at] of points) {
      await t.test(`the command reports the SIGKILL of its node ${name}`, async () => {
        const mirror = world.processes.start(mirrorOf(source), { home: world.at('buyer') })
        await mirror.line(at)
        await world.kill('buyer')
        assert.equal((await mirror.ended).code, 1, 'the command says that its node is gone')
        assert.equal((mirror.lines.at(-1)!['error'] as { code: string }).code, 'NODE_GONE')
        await world.up('buyer')
      })
    }
    await t.test('the same command finishes the mirror', async () => {
      const mirror = (await again(world, 'buyer', mirrorOf(source))) as unknown as MirrorResult
      await assertPaidOnce(world, 'buyer', mirror)
    })
  }
)
