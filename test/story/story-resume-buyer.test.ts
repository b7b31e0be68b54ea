import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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

test(
  'a mirror that was interrupted is ended and collected when the same command finds a changed folder',
  { timeout: 150_000 },
  async t => {
    const { world, market, source } = await stage(t)
    await world.join('buyer', market)
    const mirror = world.processes.start(mirrorOf(source), { home: world.at('buyer') })
    await mirror.line(isStep('upload'))
    assert.equal((await mirror.kill('SIGINT')).code, 130)
    const begun = await world.leases('buyer')
    assert.ok(
      begun.some(({ state }) => state === 'ACTIVE'),
      'a paid lease waits for its upload'
    )
    assert.equal((await readdir(world.at('buyer', 'drives'))).length, 1)
    await writeFile(join(source, 'notes', 'a.txt'), 'another text')
    const { leases, copies } = await world.ok<MirrorResult>('buyer', mirrorOf(source))
    assert.equal(copies, 2)
    const states = new Map((await world.leases('buyer')).map(({ id, state }) => [id, state]))
    for (const { id, state } of begun) {
      const expected = state === 'STORED' ? ['STORED'] : ['ENDED', 'VOID']
      assert.ok(expected.includes(states.get(id)!), `${id} was ${state} and is ${states.get(id)}`)
    }
    for (const id of leases) assert.equal(states.get(id), 'STORED')
    assert.deepEqual(await readdir(world.at('buyer', 'drives')), [])
  }
)
