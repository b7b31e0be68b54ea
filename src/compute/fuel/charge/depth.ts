import type { Edits } from './edits.js'
import type { Writer } from '../wasm/writer.js'

/**
 * Call depth, counted so that a recursion ends at the same call everywhere, before any native stack does.
 *
 * A frame counts as FRAME_SLOTS, and one slot (8 bytes) for every parameter, local and operand at its deepest, and for every
 * instruction that computes a value from its operands alone: an engine that merges equal ones, or moves them out of loops,
 * keeps these values over calls. A vector counts two. A global holds the slots left for the callee: a function subtracts its
 * frame at entry, traps (unreachable) when the rest is below zero, and sets the global before each of its calls. Nothing
 * needs to be undone after a call. Exported functions are entered through wrappers that begin with DEPTH_SLOTS.
 *
 * A function that calls only host functions and has a frame of at most LEAF_SLOTS is not counted.
 *
 * DEPTH_SLOTS are 5 MiB. Run the module with `--stack-size=6500` (KiB) on a thread with 8 MiB of stack, as a main thread has
 * by default (`ulimit -s`). A RangeError of the engine is not a result of the guest: it means that the stack was too small.
 */
export const DEPTH_SLOTS = 640 * 1024
export const FRAME_SLOTS = 16
export const LEAF_SLOTS = 512

/** Subtracts the function's frame from the slots that its caller left. */
export function enterFrame(edits: Edits, at: number, slots: number, global: number, local: number): void {
  edits.insert(at, 'segment', out => {
    // global.get, i32.const, i32.sub, local.tee, i32.const 0, i32.lt_s, if, unreachable, end
    out.byte(0x23).u32(global).byte(0x41).signed(slots).put(0x6b, 0x22).u32(local)
    out.put(0x41, 0x00, 0x48, 0x04, 0x40, 0x00, 0x0b)
  })
}

/** Sets the slots for the callee, before a call. */
export function leaveRest(out: Writer, global: number, local: number): void {
  out.byte(0x20).u32(local).byte(0x24).u32(global)
}
