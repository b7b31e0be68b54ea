import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type Corestore from 'corestore'
import { DriveRestore } from '../../../src/storage/archive/restore.js'
import { pack } from '../../../src/storage/archive/pack.js'
import type { PackResult } from '../../../src/storage/archive/pack.js'
import { openStore } from '../../../src/network/cores.js'
import { makeTree } from '../../samples/tree.js'
import { noise } from '../../parts/storage/packed-drive.js'
import { RogueHolder, narrowing } from '../../parts/storage/rogue-holder.js'
import type { HolderRequest } from '../../parts/storage/rogue-holder.js'
import { atEnd, connect, scratch } from '../../parts/storage/wire.js'
import type { Wire } from '../../parts/storage/wire.js'
import { throttled } from './throttle.js'

const LIMIT = { timeout: 120_000 }

interface Packed {
  store: Corestore
  result: PackResult
}

class Trial {
  readonly restore: DriveRestore
  readonly #t: TestContext
  readonly #packed: Packed

  private constructor(t: TestContext, packed: Packed, restore: DriveRestore) {
    this.#t = t
    this.#packed = packed
    this.restore = restore
  }

  /** A drive of one file of so many bytes, and a restore of it that has no connections yet. */
  static async of(t: TestContext, bytes: number): Promise<Trial> {
    const folder = await scratch(t)
    await makeTree(join(folder, 'tree'), { file: noise(bytes) })
    const own = openStore(join(folder, 'own'))
    const result = await pack({ path: join(folder, 'tree'), store: own, name: 'goods' })
    const store = openStore(join(folder, 'store'))
    const restore = new DriveRestore({ link: result.link, dest: join(folder, 'dest'), store })
    await restore.ready()
    atEnd(t, async () => {
      await restore.close()
      await store.close()
      await own.close()
    })
    return new Trial(t, { store: own, result }, restore)
  }

  /** A holder that answers the requests for which `answers` is true. */
  holder(answers: (request: HolderRequest) => boolean): RogueHolder {
    const holder = new RogueHolder(this.#packed.store, this.#packed.result.cores, answers)
    atEnd(this.#t, () => holder.close())
    return holder
  }

  attach(holder: RogueHolder, link?: Parameters<typeof connect>[2]): Wire {
    const wire = connect(holder, this.restore, link)
    this.restore.attach(wire.ends[1])
    atEnd(this.#t, () => wire.cut())
    return wire
  }

  async endsWhole(running = this.restore.run()): Promise<void> {
    assert.equal((await running).sha256, this.#packed.result.sha256)
  }
}

const everything = (): boolean => true

for (const core of ['list', 'data'] as const) {
  test(`a holder that never answers for the ${core} does not stop a restore`, LIMIT, async t => {
    const trial = await Trial.of(t, 100_000)
    const silent = trial.holder(({ of }) => of !== core)
    const running = trial.restore.run()
    trial.attach(silent)
    await silent.asked
    trial.attach(trial.holder(everything))
    await trial.endsWhole(running)
  })
}

test('holders that answer for the length and then no more do not stop a restore', LIMIT, async t => {
  const trial = await Trial.of(t, 100_000)
  const rogues = Array.from({ length: 12 }, () =>
    trial.holder(({ of, block }) => of === 'list' || block === null)
  )
  for (const rogue of rogues) trial.attach(rogue)
  trial.attach(trial.holder(everything))
  await trial.endsWhole()
})

test('holders that send a few bytes a second do not hold up the end of a restore', LIMIT, async t => {
  const trial = await Trial.of(t, 100_000)
  for (let i = 0; i < 8; i++) {
    const links: (() => void)[] = []
    const rogue = trial.holder(({ of, block }) => {
      if (of === 'data' && block) for (const narrow of links) narrow()
      return true
    })
    trial.attach(rogue, () => {
      const { stream, narrow } = narrowing(500)
      links.push(narrow)
      return [stream]
    })
  }
  trial.attach(trial.holder(everything))
  await trial.endsWhole()
})

test('a slow but honest holder stays beside one that never answers', LIMIT, async t => {
  const trial = await Trial.of(t, 100_000)
  trial.attach(trial.holder(() => false))
  const honest = trial.holder(everything)
  trial.attach(honest, () => {
    const { stream, narrow } = narrowing(16_384)
    narrow()
    return [stream]
  })
  await trial.endsWhole()
  assert.equal(honest.closed, 0)
})

test(
  'a holder whose blocks take long to come gets the time beside one that never answers',
  LIMIT,
  async t => {
    const trial = await Trial.of(t, 80_000)
    trial.attach(trial.holder(() => false))
    trial.attach(trial.holder(everything), () => [throttled(16_384)]) // which keeps back each write as a whole
    await trial.endsWhole()
  }
)
