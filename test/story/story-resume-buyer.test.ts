import assert from 'node:assert/strict'
import test from 'node:test'
import type { Line } from '../../bin/demo/processes.js'
import { again, assertPaidOnce, isPayment, isStep, mirrorOf, stage } from '../helpers/resume.js'
import type { MirrorResult } from '../helpers/world.js'

test(
  'a buyer killed with SIGKILL goes on where it stopped, and pays nothing twice',
  { timeout: 180_000 },
  async t => {
    const { world, market, source } = await stage(t)
    const points: [name: string, at: (line: Line) => boolean][] = [
      ['while packing', isStep('pack')],
      ['right after the first payment', isPayment(0)],
      ['while uploading', isStep('upload')],
      ['between payments', isPayment(2)]
    ]
    for (const [i, [name, at]] of points.entries()) {
      await t.test(name, async () => {
        const buyer = `buyer-${i}`
        await world.join(buyer, market)
        const first = world.processes.start(mirrorOf(source), { home: world.at(buyer) })
        await first.line(at)
        await world.kill(buyer)
        const { code } = await first.ended
        assert.equal(code, 1, 'the command says that its node is gone')
        assert.equal((first.lines.at(-1)!['error'] as { code: string }).code, 'NODE_GONE')
        await world.up(buyer)
        const mirror = (await again(world, buyer, mirrorOf(source))) as unknown as MirrorResult
        await assertPaidOnce(world, buyer, mirror)
      })
    }
  }
)
