import { randomBytes, randomInt } from 'node:crypto'
import crypto from 'hypercore-crypto'
import type Hypercore from 'hypercore'
import type { Audit, AuditProof, BlockProof, BlockReference, Seal, SealedCore } from '#spec'
import { hashOf } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { MAX_AUDIT_BLOCKS } from '../../../contracts/schema/counts.js'
import { proves } from '../../../contracts/evidence/proof.js'

export type AuditVerdict =
  | { ok: true }
  | {
      ok: false
      /** Stable: NONCE, COUNT or PROOF. */
      code: string
      reason: string
      /** The audit and the provider's answer. */
      evidence: { audit: Audit; answer: AuditProof }
    }

/**
 * The seal of a core's first `length` blocks, whose Merkle roots give size and tree hash. `core` must be opened without
 * its encryption key, so that sizes are those of the ciphertext.
 */
export async function sealOf(core: Hypercore, length = core.length): Promise<SealedCore> {
  const { upgrade } = await core.proof({ upgrade: { start: 0, length } })
  const roots = upgrade!.nodes
  return {
    key: core.key,
    fork: core.fork,
    length,
    byteLength: roots.reduce((sum, root) => sum + root.size, 0),
    treeHash: crypto.tree(roots)
  }
}

/**
 * The block at `index` of a core and the Merkle nodes that prove it against the seal of the first `length` blocks;
 * `position` is the core's index in the seal. Throws BLOCK_MISSING when the block is not in the store.
 */
export async function proofOf(
  core: Hypercore,
  { position, index, length }: { position: number; index: number; length: number }
): Promise<BlockProof> {
  const value = index < length ? await core.get(index, { wait: false, raw: true }) : null
  if (!value) throw new BushelError('BLOCK_MISSING', `block ${index} is not in the store`)
  const proof = await core.proof({ block: { index, nodes: 0 }, upgrade: { start: 0, length } })
  return { core: position, index, value, nodes: proof.block!.nodes, roots: proof.upgrade!.nodes }
}

/**
 * Draws `count` different blocks of a seal, uniformly over all cores, from a secure random source, so that no provider
 * can predict them.
 */
export function chooseAudit(seal: Seal, count: number): Audit {
  const blocks: BlockReference[] = []
  const total = seal.cores.reduce((sum, core) => sum + core.length, 0)
  const chosen = new Set<number>()
  const wanted = Math.min(count, total, MAX_AUDIT_BLOCKS)
  while (chosen.size < wanted) chosen.add(randomInt(total))
  for (let number of chosen) {
    let core = 0
    while (number >= seal.cores[core]!.length) number -= seal.cores[core++]!.length
    blocks.push({ core, index: number })
  }
  return { seal: hashOf('seal', seal), nonce: randomBytes(32), blocks }
}

/** Checks an answer against the seal: every requested block must be proven. Pure; needs no stored data, never throws. */
export function judgeAudit(seal: Seal, audit: Audit, answer: AuditProof): AuditVerdict {
  const no = (code: string, reason: string): AuditVerdict => ({
    ok: false,
    code,
    reason,
    evidence: { audit, answer }
  })
  if (!answer.nonce.equals(audit.nonce)) return no('NONCE', 'the answer is for another audit')
  if (answer.proofs.length !== audit.blocks.length) {
    return no('COUNT', `the answer has ${answer.proofs.length} blocks instead of ${audit.blocks.length}`)
  }
  for (const [i, asked] of audit.blocks.entries()) {
    const proof = answer.proofs[i]!
    const sealed = seal.cores[asked.core]
    if (proof.core !== asked.core || !sealed || !proves(proof, asked.index, sealed)) {
      return no('PROOF', `block ${asked.index} of core ${asked.core} is not proven`)
    }
  }
  return { ok: true }
}
