import type { Channel } from 'protomux'

/**
 * What is relied upon of hypercore 11.37.1 (pinned in package.json) beside its public calls: the numbers of its wire
 * messages, and the fields of its Peer and Replicator named here. `test/integration/network/hypercore-wire.test.ts` fails when a new
 * version renames one.
 */
export interface WirePeer {
  core: WireCore
  replicator: Replicator
  /** Requests of this node to the peer that have no answer yet. */
  inflight: number
  receiverQueue: { queue: { length: number }; priority: unknown[] }
}

export interface WireCore {
  state: { length: number; fork: number }
  header: { hints: { contiguousLength: number } }
  verify(proof: Data, from: WirePeer): Promise<boolean>
  checkConflict(proof: Data, from: WirePeer): Promise<boolean>
}

interface Replicator {
  /** Histories of higher forks that peers claim; hypercore forgets one when another fork is taken, never before. */
  _reorgs: { batch: object | null; inflight: unknown[] }[]
  _inflight: { get(id: number): { peer: WirePeer } | null | undefined }
  _onreorgdata(peer: WirePeer, request: object | null, data: Data): Promise<void>
}

export interface TreeNode {
  index: number
  size: number
}

export interface Span {
  start: number
  length: number
}

export interface Sync {
  fork: number
  length: number
  remoteLength: number
}

export interface BlockRequest {
  id: number
  fork: number
  block: { index: number; nodes: number } | null
  hash: { index: number; nodes: number } | null
  seek: { bytes: number; padding: number } | null
  upgrade: Span | null
}

export interface Data {
  request: number
  fork: number
  block: { index: number; nodes: TreeNode[] } | null
  hash: { index: number; nodes: TreeNode[] } | null
  seek: { bytes: number; nodes: TreeNode[] } | null
  upgrade: (Span & { nodes: TreeNode[]; additionalNodes: TreeNode[] }) | null
}

export interface Bitfield {
  start: number
  bitfield: Uint32Array
}

export interface Range extends Span {
  drop: boolean
}

export interface Messages {
  sync: Sync
  request: BlockRequest
  cancel: { request: number }
  data: Data
  noData: { request: number; reason: number }
  want: Span
  unwant: Span
  bitfield: Bitfield
  range: Range
  extension: { name: string }
}

/** In the order in which hypercore adds them to its channel. */
export const MESSAGES = [
  'sync',
  'request',
  'cancel',
  'data',
  'noData',
  'want',
  'unwant',
  'bitfield',
  'range',
  'extension'
] as const satisfies (keyof Messages)[]

/** The peer that a channel of hypercore belongs to. */
export function peerOf(channel: Channel): WirePeer {
  return channel.userData as WirePeer
}
