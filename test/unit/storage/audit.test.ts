import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AuditProof, Seal } from '#spec'
import { chooseAudit, judgeAudit, proofOf, sealOf } from '../../../src/storage/lease/audit.js'
import { openStore } from '../../../src/network/cores.js'
import { noise, packAt, shelved } from '../../parts/storage/packed-drive.js'
import { makeTree } from '../../samples/tree.js'
import { atEnd, scratch } from '../../parts/storage/wire.js'

test('every block of a core of any length is proven against the seal of any of its lengths', async t => {
  const store = openStore(join(await scratch(t), 'store'))
  atEnd(t, () => store.close())
  const core = store.get({ name: 'core' })
  await core.ready()
  for (let i = 0; i < 21; i++) await core.append(noise(1 + (i % 5)))
  for (let length = 1; length <= 21; length++) {
    const sealed = await sealOf(core, length)
    assert.deepEqual(sealed.treeHash, await core.treeHash(length))
    const seal: Seal = { agreement: Buffer.alloc(32), cores: [sealed] }
    for (let index = 0; index < length; index++) {
      const proof = await proofOf(core, { position: 0, index, length })
      const audit = { seal: Buffer.alloc(32), nonce: noise(32), blocks: [{ core: 0, index }] }
      const verdict = judgeAudit(seal, audit, { nonce: audit.nonce, proofs: [proof] })
      assert.ok(verdict.ok, `block ${index} of ${length}`)
    }
  }
})

test('an audit of a shelf passes, and a false answer fails it', async t => {
  const folder = await scratch(t)
  await makeTree(join(folder, 'tree'), { a: noise(3 << 20), b: noise(10) })
  const packedDrive = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  const shelf = await shelved(t, packedDrive, join(folder, 'shelf'))
  const seal: Seal = { agreement: noise(32), cores: packedDrive.result.seals }
  const blocks = seal.cores.reduce((sum, core) => sum + core.length, 0)

  const audit = chooseAudit(seal, 64)
  assert.equal(
    audit.blocks.length,
    blocks,
    'no block is asked for twice, so all of a small seal are asked for'
  )
  assert.equal(new Set(audit.blocks.map(({ core, index }) => `${core} ${index}`)).size, blocks)
  assert.equal(chooseAudit(seal, 3).blocks.length, 3)

  const answer: AuditProof = { nonce: audit.nonce, proofs: await shelf.proofs('lease', audit.blocks) }
  assert.deepEqual(judgeAudit(seal, audit, answer), { ok: true })

  const first = answer.proofs[0]!
  const second = answer.proofs[1]!
  const rest = answer.proofs.slice(1)
  const tampered = Buffer.from(first.value!)
  tampered[0]! ^= 1
  const lies: Record<string, AuditProof> = {
    tampered: { ...answer, proofs: [{ ...first, value: tampered }, ...rest] },
    swapped: { ...answer, proofs: [second, first, ...answer.proofs.slice(2)] },
    'other index': { ...answer, proofs: [{ ...second, index: first.index, core: first.core }, ...rest] },
    'no roots': { ...answer, proofs: [{ ...first, roots: [], nodes: [] }, ...rest] }
  }
  for (const [lie, told] of Object.entries(lies)) {
    const verdict = judgeAudit(seal, audit, told)
    assert.ok(!verdict.ok && verdict.code === 'PROOF', lie)
    assert.equal(verdict.evidence.answer, told)
  }
  assert.equal(codeOf(judgeAudit(seal, audit, { ...answer, proofs: rest })), 'COUNT')
  assert.equal(codeOf(judgeAudit(seal, audit, { ...answer, nonce: noise(32) })), 'NONCE')
  await assert.rejects(shelf.proofs('lease', [{ core: 1, index: 10_000 }]), { code: 'BAD_INPUT' })
  await assert.rejects(shelf.proofs('lease', [{ core: 9, index: 0 }]), { code: 'BAD_INPUT' })
  await assert.rejects(shelf.proofs('lease', Array(65).fill({ core: 0, index: 0 })), { code: 'BAD_INPUT' })
})

test('a proof that is larger than it need be fails the audit, and costs no more than reading it', async t => {
  const store = openStore(join(await scratch(t), 'store'))
  atEnd(t, () => store.close())
  const core = store.get({ name: 'core' })
  await core.append([noise(10), noise(20), noise(30)])
  const seal: Seal = { agreement: noise(32), cores: [await sealOf(core)] }
  const audit = { seal: noise(32), nonce: noise(32), blocks: [{ core: 0, index: 1 }] }
  const proof = await proofOf(core, { position: 0, index: 1, length: 3 })
  const judged = (...proofs: AuditProof['proofs']): string | null =>
    codeOf(judgeAudit(seal, audit, { nonce: audit.nonce, proofs }))
  assert.equal(judged(proof), null)
  assert.equal(judged(...Array<typeof proof>(10_000).fill(proof)), 'COUNT')
  const node = { index: 2 ** 40, size: Number.MAX_SAFE_INTEGER, hash: noise(32) }
  const many = Array<typeof node>(100_000).fill(node)
  for (const [what, change] of Object.entries({
    'a block of 8 MiB': { value: Buffer.alloc(8 << 20) },
    'the block and more': { value: Buffer.concat([proof.value!, Buffer.alloc(1)]) },
    'nodes that lead nowhere': { nodes: many },
    'the nodes and more': { nodes: [...proof.nodes!, ...many] },
    'roots that are none': { roots: many },
    'the roots and more': { roots: [...proof.roots!, ...many] }
  }))
    assert.equal(judged({ ...proof, ...change }), 'PROOF', what)
})

test('a missing block cannot be proven', async t => {
  const store = openStore(join(await scratch(t), 'store'))
  atEnd(t, () => store.close())
  const core = store.get({ name: 'core' })
  await core.append([noise(10), noise(10), noise(10)])
  await core.clear(1)
  await assert.rejects(proofOf(core, { position: 0, index: 1, length: 3 }), { code: 'BLOCK_MISSING' })
  assert.equal((await proofOf(core, { position: 0, index: 2, length: 3 })).index, 2)
})

function codeOf(verdict: ReturnType<typeof judgeAudit>): string | null {
  return verdict.ok ? null : verdict.code
}
