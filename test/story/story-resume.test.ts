import assert from 'node:assert/strict'
import test from 'node:test'
import type { TestContext } from 'node:test'
import type { BushelProcess, Line } from '../../bin/demo/processes.js'
import { settled } from '../helpers/payments.js'
import { look, makeTree, noise } from '../helpers/tree.js'
import { World } from '../helpers/world.js'
import type { MirrorResult } from '../helpers/world.js'

const MIB = 1024 ** 2
/** Large enough that a kill meets the work half done. */
const SIZE = 40 * MIB
const PROVIDERS = ['one', 'two']

/** A market with two providers, a source, and its buyer. */
async function stage(t: TestContext): Promise<{ world: World; market: string; source: string }> {
  const world = await World.open(t)
  const market = await world.found('founder', 'bazaar')
  for (const name of PROVIDERS) await world.seller(name, market, '400 sat/GiB-month', '--space', '2GiB')
  const source = world.at('source')
  await makeTree(source, { 'film.bin': noise('resume', SIZE), 'notes/a.txt': 'a', 'notes/b.txt': 'b' })
  return { world, market, source }
}

const mirrorOf = (source: string): string[] => ['mirror', source, '--copies', '2', '--time', '365d']

const isStep =
  (step: string) =>
  (line: Line): boolean =>
    line['event'] === 'progress' &&
    line['step'] === step &&
    Number(line['done']) > 0 &&
    Number(line['done']) < Number(line['total'])

const isPayment =
  (epoch: number) =>
  (line: Line): boolean =>
    line['event'] === 'payment' && line['epoch'] === epoch

/** Runs the same command until it works; it may be told to come again, but not for ever. */
async function again(world: World, name: string, args: string[]): Promise<Line> {
  for (let attempt = 1; ; attempt++) {
    const finished = await world.run(name, args)
    if (finished.code === 0) return finished.result
    assert.ok(attempt < 4 && finished.code === 1, JSON.stringify(finished.result) + finished.stderr)
  }
}

/** Every sat that the buyer paid is in a provider's book, and each slice of each lease was paid once. */
async function assertPaidOnce(world: World, buyer: string, mirror: MirrorResult): Promise<void> {
  const bought = await world.leases(buyer)
  const sold = (await Promise.all(PROVIDERS.map(name => world.leases(name)))).flat()
  assert.equal(mirror.copies, 2)
  const kept = bought.filter(lease => mirror.leases.includes(lease.id))
  assert.equal(kept.length, 2)
  assert.ok(kept.every(lease => lease.state === 'STORED' && lease.until === lease.ends))
  assert.equal(settled(kept, sold), BigInt(mirror.paidMsat))
  assert.equal(settled(bought, sold), BigInt(mirror.paidMsat), 'nothing was paid for what is not kept')
}

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

    await t.test('and so does a reader, killed during the restore', async () => {
      await world.init('reader')
      const dest = world.at('restored')
      const restore = ['restore', mirror.link, dest]
      const reading: BushelProcess = world.processes.start(restore, { home: world.at('reader') })
      await reading.line(isStep('write'))
      await reading.kill('SIGKILL')
      await world.ok('reader', restore)
      assert.deepEqual(await look(dest), await look(source))
    })

    await t.test('and a provider killed during a restore', async () => {
      await world.init('other')
      const dest = world.at('restored-2')
      const reading = world.processes.start(['restore', mirror.link, dest], { home: world.at('other') })
      await reading.line(isStep('write'))
      await world.kill('two')
      assert.equal((await reading.ended).code, 0, JSON.stringify(reading.lines.at(-1)))
      assert.deepEqual(await look(dest), await look(source))
    })
  }
)
