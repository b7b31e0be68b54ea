import type { Segment } from './charges.js'
import type { FunctionType } from '../wasm/types.js'

export const LOOP = 0x03
export const IF = 0x04

/** A block, loop or if that is open, or the function itself (opcode 0). */
export interface Frame {
  opcode: number
  parent: Frame | null
  type: FunctionType
  /** Operands below its parameters. */
  height: number
  /** What runs on after its end when nothing inside leaves past it. */
  outer: Segment
  /** The segment at a loop's head. */
  head: Segment | null
  /** Offset of a loop's opcode. */
  from: number
  /** Index of the outermost frame that something inside branches to. */
  outermost: number
  /** Node of its one result, where it has one that is followed. */
  result: number
  /** Nodes of the followed locals at its label; of a loop, those at its head. */
  joined: Int32Array | null
  /** Which of them are joins of this label's own. */
  own: Uint8Array | null
  /** At an if, for its else. */
  saved: Int32Array | null
  savedHeld: boolean
  /** Whether the local holds the fuel on all ways to the label. */
  held: boolean
  reached: boolean
  /** Whether something inside calls. */
  calls: boolean
  /** Whether a loop is inside. */
  loops: boolean
  /** Whether it is a loop that asks for fuel outside itself (see wrapped.ts). */
  wrapped: boolean
  /** How many such loops there are from here outward, once that is counted. */
  wraps: number
}

/** How many wrapped loops there are from a frame outward. */
export function wraps(frame: Frame): number {
  const open: Frame[] = []
  let at: Frame | null = frame
  for (; at && at.wraps < 0; at = at.parent) open.push(at)
  let count = at ? at.wraps : 0
  for (const inner of open.reverse()) {
    if (inner.wrapped) count++
    inner.wraps = count
  }
  return count
}
