import type { Segment } from './charges.js'
import type { FunctionType } from '../wasm/types.js'

export const LOOP = 0x03
export const IF = 0x04

/** An open block, loop or if, or the function itself (opcode 0). */
export interface Frame {
  opcode: number
  parent: Frame | null
  type: FunctionType
  /** Operands below its parameters. */
  height: number
  /** The segment that continues after its end when no branch inside leaves past it. */
  outer: Segment
  /** The segment at a loop's head. */
  head: Segment | null
  /** Offset of a loop's opcode. */
  from: number
  /** Index of the outermost frame that a branch inside targets. */
  outermost: number
  /** Node of its result, when it has exactly one and that is tracked. */
  result: number
  /** Nodes of the tracked locals at its label; for a loop, at its head. */
  joined: Int32Array | null
  /** Which of them are joins of this label. */
  own: Uint8Array | null
  /** Nodes at an if, saved for its else. */
  saved: Int32Array | null
  savedHeld: boolean
  /** Whether the local holds the fuel on all paths to the label. */
  held: boolean
  reached: boolean
  /** Whether there is a call inside. */
  calls: boolean
  /** Whether there is a loop inside. */
  loops: boolean
  /** Whether it is a loop that asks for fuel outside itself (see wrapped.ts). */
  wrapped: boolean
  /** Number of wrapped loops from here outward, once counted. */
  wraps: number
}

/** Number of wrapped loops from a frame outward. */
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
