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
/** Beyond every core: block `NOWHERE + n` is read where a walk meets a malformed node of block `n`. */
const NOWHERE = 2 ** 40

type Get = Hypercore['get']
type NewSession = Hypercore['session']
type Row = ReturnType<typeof Node.decode>
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
 * A node with other pointers ends the walk that meets it, and only that: Hyperbee itself writes such nodes and leaves them
 * behind. When a batch with deletions lowers the tree, the node that becomes the root stays in the block it had, as what it
 * is at the end of the batch, so with pointers to later blocks; no other node names it there.
 *
 * @param fault makes the error with which a read of a malformed block rejects
 */
export function guardTree(core: Hypercore, fault: (why: string) => Error): Hypercore {
  const isGuarded = faults.has(core)
  faults.set(core, fault)
  if (isGuarded) return core
  const get = core.get.bind(core) as Get
  const newSession = core.session.bind(core) as NewSession
  const refusal = (why: string): Error => faults.get(core)!(why)
  const checked = async (index: number, options?: Parameters<Get>[1]): Promise<unknown> => {
    if (index >= NOWHERE) throw refusal(`a tree node of block ${index - NOWHERE} points to none`)
    const block: unknown = await get(index, options)
    if (options?.valueEncoding !== Node || block === null) return block
    return walkable(index, block as Row, refusal)
  }
  core.get = checked as Get
  core.session = options => guardTree(newSession(options), faults.get(core)!)
  core.snapshot = options => core.session({ ...options, snapshot: true })
  return core
}

/** The block without its malformed nodes: in place of each stands one that cannot be passed. Throws when the whole block is malformed. */
function walkable(seq: number, block: Row, refusal: (why: string) => Error): Row {
  const { key, value, index } = block
  if (index === null) throw refusal(`block ${seq} has no tree nodes`)
  if (key.byteLength + (value?.byteLength ?? 0) + index.byteLength > MOST_BLOCK_BYTES)
    throw refusal(`block ${seq} is too large`)
  const levels = levelsIn(index)
  if (!levels) throw refusal(`the tree nodes of block ${seq} cannot be decoded`)
  if (levels.length > MOST_NODES) throw refusal(`block ${seq} has ${levels.length} tree nodes`)
  const sound = soundNodes(levels, seq)
  if (sound.size === levels.length) return block
  const barrier: TreeNode = { keys: [NOWHERE + seq], children: [] }
  return {
    key,
    value,
    index: YoloIndex.encode({ levels: levels.map((node, at) => (sound.has(at) ? node : barrier)) })
  }
}

function levelsIn(index: Buffer): TreeNode[] | null {
  try {
    return YoloIndex.decode(index).levels
  } catch {
    return null // the founder may have written anything
  }
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

/** The nodes of a block from which a walk ends: each round takes those whose children in the block were all taken before. */
function soundNodes(levels: readonly TreeNode[], seq: number): Set<number> {
  const children = levels.map(node => pairsOf(node.children).filter(([block]) => block === seq))
  const sound = new Set<number>()
  let left = [...levels.keys()].filter(at => isNode(levels[at]!, seq, levels.length))
  for (let before = Infinity; left.length < before;) {
    before = left.length
    for (const at of left) if (children[at]!.every(([, child]) => sound.has(child))) sound.add(at)
    left = left.filter(at => !sound.has(at))
  }
  return sound
}

function pairsOf(children: readonly number[]): [block: number, at: number][] {
  const pairs: [number, number][] = []
  for (let i = 0; i < children.length; i += 2) pairs.push([children[i]!, children[i + 1]!])
  return pairs
}
