import type { BlockRequest, Data, Span, Sync, TreeNode, WireCore } from './hypercore-wire.js'

/** Blocks in a page of hypercore's bitfields. A page takes 4 KiB in each of the two that it keeps of every peer. */
export const PAGE = 2 ** 15
/** Blocks in a segment, which has an index of its own; a want names whole segments. */
export const SEGMENT = 2 ** 21
/** Pages that the index of a segment is worth. */
export const SEGMENT_PAGES = 2

/** Blocks of a core that one of its peers may say, one by one, that it has, where this node has fewer: 128 pages. */
const UNKNOWN_BLOCKS = 2 ** 22
/** Length that a peer may claim of a core: the claim alone takes no memory, and 64 TiB of blocks of 256 KiB fit in. */
const CLAIMED_BLOCKS = 2 ** 28
/** Hypercore answers a want with one segment at most. */
const BITFIELD_BYTES = SEGMENT / 8
/** Hashes in one part of a proof: a path has at most one for each power of two, and parts have up to two paths. */
const PROOF_NODES = 128
/** Levels of a tree that one request may walk. */
const LEVELS = 64
/** Encrypted blocks begin with 8 bytes that are no data. */
const PADDING = 1024
const EXTENSION_NAME = 256

/** Thrown where a message of a peer is refused: Protomux ends its connection. */
export class Refusal extends Error {
  constructor(what: string) {
    super(`refused: ${what}`)
  }
}

/** Refuses unless the condition holds; a number that is not there never passes. */
function check(condition: boolean, what: string): void {
  if (!condition) throw new Refusal(what)
}

/** Blocks that take memory or time for themselves lie below this. */
function announcedLimit(core: WireCore): number {
  return Math.max(UNKNOWN_BLOCKS, core.state.length)
}

/** The last segment of a core is asked for, and answered, whole. */
function wholeSegments(blocks: number): number {
  return Math.ceil(blocks / SEGMENT) * SEGMENT
}

export function checkAnnounced(core: WireCore, start: number, length: number): void {
  const limit = wholeSegments(announcedLimit(core))
  check(start + length <= limit, `blocks ${start} to ${start + length} of a core of at most ${limit}`)
}

export function checkBitfield(core: WireCore, start: number, bytes: number): void {
  check(bytes <= BITFIELD_BYTES, `a bitfield of ${bytes} bytes`)
  checkAnnounced(core, start, bytes * 8)
}

export function checkClaim(core: WireCore, length: number): void {
  const limit = Math.max(CLAIMED_BLOCKS, core.state.length)
  check(length <= limit, `a core of ${length} blocks`)
}

export function checkWant(core: WireCore, { start, length }: Span): void {
  checkClaim(core, start)
  checkClaim(core, length)
}

export function checkSync(core: WireCore, { length, remoteLength }: Sync): void {
  checkClaim(core, length)
  checkClaim(core, remoteLength)
}

/**
 * Hypercore asks for hashes of leaves only. Given one further up, a seek and an upgrade together, it would begin to read
 * a thousand nodes and then throw, which leaves rejections behind that nobody handles.
 */
export function checkRequest(core: WireCore, { block, hash, seek, upgrade }: BlockRequest): void {
  if (block) {
    checkClaim(core, block.index)
    check(block.nodes <= LEVELS, `a request for ${block.nodes} nodes`)
  }
  if (hash) {
    check(hash.index % 2 === 0, 'a request for the hash of no leaf')
    checkClaim(core, hash.index / 2)
    check(hash.nodes <= LEVELS, `a request for ${hash.nodes} nodes`)
  }
  if (seek) check(seek.padding <= PADDING, `a padding of ${seek.padding} bytes`)
  if (upgrade) checkClaim(core, upgrade.start + upgrade.length)
}

/** An upgrade by nothing would leave hypercore with a tree without roots, on which it throws. */
export function checkData(core: WireCore, { block, hash, seek, upgrade }: Data): void {
  const node = ({ index }: TreeNode): void => checkClaim(core, index / 2)
  const nodes = (list: TreeNode[]): void => {
    check(list.length <= PROOF_NODES, `a proof of ${list.length} nodes`)
    list.forEach(node)
  }
  if (block) {
    checkClaim(core, block.index)
    nodes(block.nodes)
  }
  if (hash) {
    checkClaim(core, hash.index / 2)
    nodes(hash.nodes)
  }
  if (seek) nodes(seek.nodes)
  if (!upgrade) return
  check(upgrade.length > 0, 'an upgrade by no blocks')
  checkClaim(core, upgrade.start + upgrade.length)
  nodes(upgrade.nodes)
  nodes(upgrade.additionalNodes)
}

export function checkExtension(name: string): void {
  check(name.length <= EXTENSION_NAME, 'an extension with a long name')
}
