import crypto from 'hypercore-crypto'
import type { TreeNode } from 'hypercore-crypto'
import flat from 'flat-tree'
import type { BlockProof, SealedCore } from '#spec'
import { MAX_PROOF_NODES } from '../schema/counts.js'

/**
 * True when `proof` contains the block at `index` of the sealed core. It needs no other data of the core: it hashes from
 * the block up to its root (the Merkle tree of Hypercore: `hypercore-crypto` and `flat-tree`) and compares the hash of
 * all roots with the sealed tree hash. Never throws.
 */
export function proves(proof: BlockProof, index: number, sealed: SealedCore): boolean {
  if (proof.index !== index || index >= sealed.length) return false
  if (proof.nodes.length > MAX_PROOF_NODES || proof.roots.length > MAX_PROOF_NODES) return false
  const value = proof.value ?? Buffer.alloc(0)
  let node: TreeNode = { index: 2 * index, size: value.byteLength, hash: crypto.data(value) }
  const position = flat.iterator(node.index)
  for (const sibling of proof.nodes) {
    if (sibling.index !== position.sibling() || sibling.size > sealed.byteLength - node.size) return false
    node = { index: position.parent(), size: sibling.size + node.size, hash: crypto.parent(sibling, node) }
  }
  const given = new Map(proof.roots.map(root => [root.index, root]))
  given.set(node.index, node)
  const roots: TreeNode[] = []
  const indices = flat.fullRoots(2 * sealed.length)
  if (!indices.includes(node.index)) return false // otherwise the roots alone would prove any block
  for (const root of indices) {
    const found = given.get(root)
    if (!found) return false
    roots.push(found)
  }
  if (roots.reduce((sum, root) => sum + root.size, 0) !== sealed.byteLength) return false
  return crypto.tree(roots).equals(sealed.treeHash)
}
