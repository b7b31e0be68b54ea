import type Hypercore from 'hypercore'
import { Node, YoloIndex } from 'hyperbee/lib/messages.js'
import type { TreeNode } from 'hyperbee/lib/messages.js'
import { BushelError } from '../../../contracts/errors/error.js'

/** Largest block of a list or view: a row, its key, and the tree nodes from the key to the root, bytes. */
const MOST_BLOCK_BYTES = 64 << 10
/** Most tree nodes that one change writes: the path from its key to the root, and the neighbours after a deletion. */
const MOST_NODES = 128
/** Most keys of a tree node of Hyperbee. */
const MOST_KEYS = 8

type Get = Hypercore['get']
type NewSession = Hypercore['session']
type Opened = { core: Hypercore; _open(): Promise<void> }

/** How each guarded core tells of a malformed block. */
const faults = new WeakMap<Hypercore, (why: string) => Error>()
let areAllGuarded = false

/** Guards each Hyperbee of the process, given their class, also those that libraries open. Reads reject with FORGED. */
export function guardAllTrees({ prototype }: { prototype: object }): void {
  if (areAllGuarded) return
  areAllGuarded = true
  const all = prototype as Opened
  const open = all._open
  const fault = (why: string): BushelError =>
    new BushelError('FORGED', `a list of a market is malformed: ${why}`, 'its founder wrote it so')
  all._open = function (this: Opened) {
    if (!faults.has(this.core)) guardTree(this.core, fault)
    return open.call(this)
  }
}

/**
 * Lets a Hyperbee read a core that others wrote. Hyperbee follows the pointers of a tree without a look at them: a node that
 * is its own child keeps it busy for ever, in microtasks alone, and millions of empty nodes in a block fill the memory. Here
 * each block is checked before Hyperbee sees it. Pointers lead to older blocks, or from node to node of the same block
 * without a cycle; each node but an empty root has a key. So a walk takes no more steps than it
 * yields keys; that it yields none twice its caller checks. Sessions of the core are guarded as well.
 *
 * @param fault makes the error with which a read of a malformed block rejects
 */
export function guardTree(core: Hypercore, fault: (why: string) => Error): Hypercore {
  const isGuarded = faults.has(core)
  faults.set(core, fault)
  if (isGuarded) return core
  const get = core.get.bind(core) as Get
  const newSession = core.session.bind(core) as NewSession
  const checked = async (index: number, options?: Parameters<Get>[1]): Promise<unknown> => {
    const block: unknown = await get(index, options)
    if (options?.valueEncoding !== Node || block === null) return block
    const why = faultOf(index, block as ReturnType<typeof Node.decode>)
    if (why) throw faults.get(core)!(why)
    return block
  }
  core.get = checked as Get
  core.session = options => guardTree(newSession(options), faults.get(core)!)
  core.snapshot = options => core.session({ ...options, snapshot: true })
  return core
}

/** What is wrong with the tree nodes of a block, or null. */
function faultOf(seq: number, { key, value, index }: ReturnType<typeof Node.decode>): string | null {
  if (index === null) return `block ${seq} has no tree nodes`
  if (key.byteLength + (value?.byteLength ?? 0) + index.byteLength > MOST_BLOCK_BYTES)
    return `block ${seq} is too large`
  let levels: TreeNode[]
  try {
    levels = YoloIndex.decode(index).levels
  } catch {
    return `the tree nodes of block ${seq} cannot be decoded`
  }
  if (levels.length > MOST_NODES) return `block ${seq} has ${levels.length} tree nodes`
  const isSound = levels.every(node => isNode(node, seq, levels.length)) && isAcyclic(levels, seq)
  return isSound ? null : `a tree node of block ${seq} points to none`
}

/** True when the pointers of a node may lead to rows and nodes of older blocks or of its own, `seq`, which has `count` nodes. */
function isNode({ keys, children }: TreeNode, seq: number, count: number): boolean {
  if (keys.length === 0) return count === 1 && children.length === 0
  if (keys.length > MOST_KEYS || !keys.every(key => key >= 1 && key <= seq)) return false
  if (children.length === 0) return true
  return (
    children.length === 2 * (keys.length + 1) &&
    pairsOf(children).every(([block, at]) => (block === seq ? at < count : block >= 1 && block < seq))
  )
}

/** True when no node of the block is below itself: each round takes away the nodes whose children in the block are gone. */
function isAcyclic(levels: readonly TreeNode[], seq: number): boolean {
  const children = levels.map(node => pairsOf(node.children).filter(([block]) => block === seq))
  const left = new Set(levels.keys())
  for (let before = Infinity; left.size < before;) {
    before = left.size
    for (const node of left) if (!children[node]!.some(([, at]) => left.has(at))) left.delete(node)
  }
  return left.size === 0
}

function pairsOf(children: readonly number[]): [block: number, at: number][] {
  const pairs: [number, number][] = []
  for (let i = 0; i < children.length; i += 2) pairs.push([children[i]!, children[i + 1]!])
  return pairs
}
