import crypto from 'hypercore-crypto'
import type { TreeNode } from 'hypercore-crypto'
import flat from 'flat-tree'
import type { BlockProof, SealedCore } from '#spec'
import { MAX_PROOF_NODES } from '../schema/counts.js'

/** True when `proof` contains the block at `index` of the sealed core. Never throws. */
export function proves(proof: BlockProof, index: number, sealed: SealedCore): boolean {
  return proof.index === index && provenOffset(proof, sealed) !== null
}

/**
 * The byte of the sealed core at which the block of `proof` begins; null when it is not proven. It needs no other data of the
 * core: it hashes from the block up to its root (the Merkle tree of Hypercore: `hypercore-crypto` and `flat-tree`) and compares
 * the hash of all roots with the sealed tree hash. A node's hash covers the sum of the sizes under it, so that the sizes on the
 * way, and what is left of the block, are proven too. Never throws.
 */
export function provenOffset(proof: BlockProof, sealed: SealedCore): number | null {
  const { index } = proof
  if (index >= sealed.length) return null
  if (proof.nodes.length > MAX_PROOF_NODES || proof.roots.length > MAX_PROOF_NODES) return null
  const value = proof.value ?? Buffer.alloc(0)
  let node: TreeNode = { index: 2 * index, size: value.byteLength, hash: crypto.data(value) }
  const position = flat.iterator(node.index)
  let offset = 0
  for (const sibling of proof.nodes) {
    if (sibling.index !== position.sibling() || sibling.size > sealed.byteLength - node.size) return null
    if (sibling.index < node.index) offset += sibling.size
    node = { index: position.parent(), size: sibling.size + node.size, hash: crypto.parent(sibling, node) }
  }
  const given = new Map(proof.roots.map(root => [root.index, root]))
  given.set(node.index, node)
  const roots: TreeNode[] = []
  const indices = flat.fullRoots(2 * sealed.length)
  if (!indices.includes(node.index)) return null // otherwise the roots alone would prove any block
  for (const root of indices) {
    const found = given.get(root)
    if (!found) return null
    roots.push(found)
    if (found.index < node.index) offset += found.size
  }
  if (roots.reduce((sum, root) => sum + root.size, 0) !== sealed.byteLength) return null
  return crypto.tree(roots).equals(sealed.treeHash) ? offset : null
}
