import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import type Hypercore from 'hypercore'
import type { BlockProof, SealedCore, TreeNode } from '#spec'
import { provenOffset, proves } from '../../../../contracts/evidence/proof.js'

// 13 blocks: three roots, of 8, 4 and 1.
const LENGTH = 13
let folder: string
let store: Corestore
let core: Hypercore
let sealed: SealedCore
let proofs: BlockProof[]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bushel-proof-'))
  store = new Corestore(folder)
  core = store.get({ name: 'kept' })
  await core.ready()
  const blocks = Array.from({ length: LENGTH }, (_, i) => crypto.randomBytes(100 + i))
  blocks[6] = Buffer.alloc(0)
  await core.append(blocks)
  const { upgrade } = await core.proof({ upgrade: { start: 0, length: LENGTH } })
  const roots = upgrade!.nodes
  sealed = {
    key: core.key,
    fork: core.fork,
    length: LENGTH,
    byteLength: core.byteLength,
    treeHash: await core.treeHash()
  }
  proofs = []
  for (let index = 0; index < LENGTH; index++) {
    const { block } = await core.proof({ block: { index, nodes: 0 }, upgrade: { start: 0, length: LENGTH } })
    proofs.push({ core: 0, index, value: (await core.get(index))!, nodes: block!.nodes, roots })
  }
})

after(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

test('every block of a real core is proven, an empty one too', () => {
  for (const [index, proof] of proofs.entries()) {
    assert.ok(proves(proof, index, sealed), `block ${index}`)
    assert.ok(proves(withoutRootAbove(proof), index, sealed), `block ${index}, its own root left out`)
  }
  assert.ok(proves({ ...proofs[6]!, value: null }, 6, sealed), 'an empty buffer may be read as none')
})

test('a block that differs from the sealed one is not proven', () => {
  for (const [index, proof] of proofs.entries()) {
    const tampered = Buffer.from(proof.value!)
    if (tampered.byteLength > 0) tampered[0]! ^= 1
    assert.ok(
      !proves({ ...proof, value: tampered.byteLength > 0 ? tampered : Buffer.from([0]) }, index, sealed)
    )
    assert.ok(!proves({ ...proof, value: Buffer.concat([proof.value!, Buffer.from([0])]) }, index, sealed))
    const other = proofs[(index + 1) % LENGTH]!
    assert.ok(!proves({ ...proof, value: other.value }, index, sealed), 'swapped')
    assert.ok(!proves(proof, (index + 1) % LENGTH, sealed), 'of another index')
    assert.ok(!proves({ ...other, index }, index, sealed), 'another, renamed')
    assert.ok(!proves({ ...proof, index: (index + 1) % LENGTH }, index, sealed), 'named as another')
  }
})

test('the roots alone prove no block', () => {
  for (const [index, proof] of proofs.entries()) {
    const isRoot = proof.nodes.length === 0
    const value = Buffer.from('never stored here')
    assert.ok(!proves({ ...proof, value, nodes: [] }, index, sealed), `block ${index}`)
    assert.equal(proves({ ...proof, nodes: [] }, index, sealed), isRoot, `block ${index} without its branch`)
    assert.equal(proves({ ...proof, nodes: proof.nodes.slice(0, -1) }, index, sealed), isRoot)
  }
})

test('an altered branch or root proves no block', () => {
  const index = 3
  const proof = proofs[index]!
  const changes: ((node: TreeNode) => TreeNode)[] = [
    node => ({ ...node, hash: crypto.randomBytes(32) }),
    node => ({ ...node, size: node.size + 1 }),
    node => ({ ...node, size: Number.MAX_SAFE_INTEGER }),
    node => ({ ...node, index: node.index + 2 }),
    node => ({ ...node, index: Number.MAX_SAFE_INTEGER })
  ]
  for (const change of changes) {
    for (const [i, node] of proof.nodes.entries()) {
      const nodes = proof.nodes.with(i, change(node))
      assert.ok(!proves({ ...proof, nodes }, index, sealed))
    }
    for (const [i, root] of proof.roots.entries()) {
      if (root.index === rootAbove(proof)) continue
      const roots = proof.roots.with(i, change(root))
      assert.ok(!proves({ ...proof, roots }, index, sealed))
    }
  }
  assert.ok(!proves({ ...proof, nodes: [...proof.nodes].reverse() }, index, sealed))
  assert.ok(!proves({ ...proof, nodes: [...proof.nodes, proof.nodes[0]!] }, index, sealed))
  assert.ok(!proves({ ...proof, roots: [] }, index, sealed))
  assert.ok(!proves({ ...proof, nodes: Array.from({ length: 65 }, () => proof.nodes[0]!) }, index, sealed))
})

test('a proof has at most 64 roots, also of those that it does not need', () => {
  const index = 3
  const proof = proofs[index]!
  const roots = (count: number): TreeNode[] => [
    ...proof.roots,
    ...Array.from({ length: count - proof.roots.length }, (_, i) => ({ ...proof.roots[0]!, index: 1000 + i }))
  ]
  assert.ok(proves({ ...proof, roots: roots(64) }, index, sealed))
  assert.ok(!proves({ ...proof, roots: roots(65) }, index, sealed))
})

test('a block next to an empty one is proven, and one that is all of a core', async () => {
  for (const blocks of [[Buffer.alloc(0), Buffer.from('all')], [Buffer.from('all')]]) {
    const small = store.get({ name: `small ${blocks.length}` })
    await small.append(blocks)
    const whole = {
      ...sealed,
      key: small.key,
      length: blocks.length,
      byteLength: 3,
      treeHash: await small.treeHash()
    }
    for (const [index, value] of blocks.entries()) {
      const asked = { block: { index, nodes: 0 }, upgrade: { start: 0, length: blocks.length } }
      const { block, upgrade } = await small.proof(asked)
      const proof = { core: 0, index, value, nodes: block!.nodes, roots: upgrade!.nodes }
      assert.ok(proves(proof, index, whole), `block ${index} of ${blocks.length}`)
    }
  }
})

test('the proof for one seal does not hold for another', () => {
  const proof = proofs[0]!
  for (const other of [
    { ...sealed, treeHash: crypto.randomBytes(32) },
    { ...sealed, length: LENGTH - 1 },
    { ...sealed, length: LENGTH + 1 },
    { ...sealed, byteLength: sealed.byteLength + 1 }
  ]) {
    assert.ok(!proves(proof, 0, other))
  }
  assert.ok(!proves({ ...proof, index: LENGTH }, LENGTH, sealed), 'past the end')
})

/** Index of the root above a block. */
function rootAbove(proof: BlockProof): number {
  const spans = proof.roots.map(root => ({ index: root.index, end: lastLeaf(root.index) }))
  return spans.find(span => 2 * proof.index <= span.end)!.index
}

function lastLeaf(index: number): number {
  let span = 1
  while ((index & span) !== 0) span *= 2
  return index + span - 1
}

function withoutRootAbove(proof: BlockProof): BlockProof {
  const above = rootAbove(proof)
  return { ...proof, roots: proof.roots.filter(root => root.index !== above) }
}

test('where a block begins is proven with it', () => {
  let begin = 0
  for (const proof of proofs) {
    assert.equal(provenOffset(proof, sealed), begin)
    begin += proof.value!.byteLength
  }
  const [first] = proofs
  for (const [i, sibling] of first!.nodes.entries()) {
    const nodes = first!.nodes.map((node, j) => (i === j ? { ...sibling, size: sibling.size + 1 } : node))
    assert.equal(provenOffset({ ...first!, nodes }, sealed), null)
  }
})
