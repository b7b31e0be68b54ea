import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Corestore from 'corestore'
import Hyperbee from 'hyperbee'
import type Hypercore from 'hypercore'
import { Node, YoloIndex } from 'hyperbee/lib/messages.js'
import { guardAllTrees, guardTree } from '../../../../src/base/bounds/guarded-tree.js'

type Levels = { keys: number[]; children: number[] }[]

const leaf = (...keys: number[]): Levels[number] => ({ keys, children: [] })

interface Ground {
  bee: Hyperbee
  append: (block: Buffer) => Promise<unknown>
  /** Unguarded. */
  core: Hypercore
}

/** A guarded Hyperbee with the keys a (block 1) and b (block 2), and the core below it. */
async function openTree(t: TestContext): Promise<Ground> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-tree-'))
  const store = new Corestore(dir)
  const core = store.get({ name: 'tree' })
  const bee = new Hyperbee(guardTree(core.session(), why => new Error(why)))
  t.after(async () => {
    await bee.close()
    await store.close()
    await rm(dir, { recursive: true })
  })
  await core.ready()
  await bee.ready()
  for (const key of ['a', 'b']) await bee.put(Buffer.from(key), Buffer.from(key))
  return { bee, append: block => core.append(block), core }
}

async function keysOf(bee: Hyperbee): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of bee.createReadStream()) keys.push(key.toString())
  return keys
}

function blockOf(index: Buffer, value = Buffer.from('c')): Buffer {
  return Node.encode({ key: Buffer.from('c'), value, index })
}

const encode = (levels: Levels): Buffer => YoloIndex.encode({ levels })

/** Indexes of block 3. */
const MALFORMED: Record<string, Buffer> = {
  'a node below itself': encode([{ keys: [3], children: [3, 0, 3, 0] }]),
  'nodes below one another': encode([
    { keys: [3], children: [3, 1, 3, 1] },
    { keys: [3], children: [3, 0, 3, 0] }
  ]),
  'a child in a later block': encode([{ keys: [3], children: [4, 0, 2, 0] }]),
  'a child in the header': encode([{ keys: [3], children: [0, 0, 2, 0] }]),
  'a child that its own block does not have': encode([{ keys: [3], children: [3, 1, 2, 0] }]),
  'a key in a later block': encode([leaf(9)]),
  'a key in the header': encode([leaf(0)]),
  'a node without keys that has children': encode([{ keys: [], children: [2, 0] }]),
  'too few children': encode([{ keys: [1, 2], children: [2, 0] }]),
  'half a child': encode([{ keys: [1], children: [2, 0, 1] }]),
  'an empty node below another': encode([{ keys: [1], children: [3, 1, 2, 0] }, leaf()]),
  'more keys than a node holds': encode([leaf(...Array<number>(9).fill(1))]),
  'more nodes than a change writes': encode(Array.from({ length: 129 }, () => leaf(1))),
  'a million nodes': encode(Array.from({ length: 1e6 }, () => leaf())),
  'nodes that are none': Buffer.from('ffffffffffffffff', 'hex')
}

for (const [name, index] of Object.entries(MALFORMED)) {
  test(`a read of a tree with ${name} ends with an error`, async t => {
    const { bee, append } = await openTree(t)
    await append(blockOf(index))
    for (const view of [bee, bee.snapshot(), bee.checkout(4)])
      await assert.rejects(
        keysOf(view),
        /^Error: (block 3|a tree node of block 3|the tree nodes of block 3) /
      )
    assert.deepEqual(await keysOf(bee.checkout(3)), ['a', 'b'])
  })
}

test('the trees that libraries open are guarded as well', async t => {
  guardAllTrees(Hyperbee)
  const { append, core } = await openTree(t)
  await append(blockOf(MALFORMED['a node below itself']!))
  const other = new Hyperbee(core.session())
  await assert.rejects(keysOf(other), { code: 'FORGED', message: /a tree node of block 3/ })
  await other.close()
})

test('a row that is larger than any of ours is not taken in', async t => {
  const { bee, append } = await openTree(t)
  await append(blockOf(encode([leaf(1, 2, 3)]), Buffer.alloc(1 << 17)))
  await assert.rejects(keysOf(bee), /block 3 is too large/)
})

test('a tree that Hyperbee writes is read, whatever was put and deleted', async t => {
  const { bee } = await openTree(t)
  const rows = new Set(['a', 'b'])
  for (let round = 0; round < 40; round++) {
    const batch = bee.batch()
    for (let i = 0; i < 50; i++) {
      const row = String((round * 7919 + i * i * 31) % 600)
      if (round % 3 === 2) {
        await batch.del(Buffer.from(row))
        rows.delete(row)
      } else {
        await batch.put(Buffer.from(row), Buffer.from(row))
        rows.add(row)
      }
    }
    await batch.flush()
  }
  assert.deepEqual(await keysOf(bee), [...rows].sort())
  const all = bee.batch()
  for (const row of rows) await all.del(Buffer.from(row))
  await all.flush()
  assert.deepEqual(await keysOf(bee), [])
})

/** True when a node of the block has a child in a later block. */
async function leadsOnward(core: Hypercore, seq: number): Promise<boolean> {
  const { index } = Node.decode((await core.get(seq)) as Buffer)
  return YoloIndex.decode(index!).levels.some(node => node.children.some((at, i) => i % 2 === 0 && at > seq))
}

test('a tree that a batch lowered is read: Hyperbee leaves nodes behind that lead onward', async t => {
  const { bee, core } = await openTree(t)
  const rows = Array.from({ length: 47 }, (_, row) => `c${String(row).padStart(2, '0')}`)
  const first = bee.batch()
  for (const row of rows) await first.put(Buffer.from(row), Buffer.from(row))
  await first.flush()
  const before = core.length
  const second = bee.batch()
  await second.put(Buffer.from('c00'), Buffer.from('new'))
  await second.del(Buffer.from('c21')) // the last that the upper of three levels stands on
  await second.flush()
  assert.ok(await leadsOnward(core, before), 'no node was left behind')
  assert.deepEqual(await keysOf(bee), ['a', 'b', ...rows.filter(row => row !== 'c21')])
})

test('a node left behind does not end a walk that never meets it', async t => {
  const { bee, append } = await openTree(t)
  await append(blockOf(encode([leaf(1, 2, 3), { keys: [3], children: [4, 0, 2, 0] }])))
  assert.deepEqual(await keysOf(bee), ['a', 'b', 'c'])
})
