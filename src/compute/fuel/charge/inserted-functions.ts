import { LENGTH_COST } from '../costs.js'
import { REACH } from '../reach.js'
import type { Helpers } from './surroundings.js'
import { DEPTH_SLOTS } from './depth.js'
import { Writer } from '../wasm/writer.js'

/** A function body without locals. */
function body(write: (out: Writer) => void, locals: readonly number[] = [0]): Uint8Array {
  const out = new Writer().put(...locals)
  write(out)
  return out.byte(0x0b).done()
}

/** Asks the host for the missing fuel and adds the grant; traps when it is not enough. */
export function askBody(fuel: number, refuel: number): Uint8Array {
  return body(out => {
    // 0 - fuel, call refuel, + fuel, global.set
    out
      .put(0x42, 0x00, 0x23)
      .u32(fuel)
      .put(0x7d, 0x10)
      .u32(refuel)
      .byte(0x23)
      .u32(fuel)
      .put(0x7c, 0x24)
      .u32(fuel)
    // below zero: unreachable
    out.byte(0x23).u32(fuel).put(0x42, 0x00, 0x53, 0x04, 0x40, 0x00, 0x0b)
    out.byte(0x23).u32(fuel)
  })
}

/** Subtracts the i64 on the stack from the fuel, and asks for more when the rest is below zero. */
function take(out: Writer, helpers: Helpers): void {
  const { fuel, ask } = helpers
  // i64.sub, global.set
  out.put(0x7d, 0x24).u32(fuel)
  // global.get, i64.const 0, i64.lt_s, if, call ask, drop, end
  out.byte(0x23).u32(fuel).put(0x42, 0x00, 0x53, 0x04, 0x40, 0x10).u32(ask).put(0x1a, 0x0b)
}

export function chargeBytesBody(helpers: Helpers): Uint8Array {
  return body(out => {
    // fuel - (i64.extend_i32_u n >> shift)
    out.byte(0x23).u32(helpers.fuel).put(0x20, 0x00, 0xad, 0x42, LENGTH_COST.bytesShift, 0x88)
    take(out, helpers)
    out.put(0x20, 0x00)
  })
}

export function chargeElementsBody(helpers: Helpers): Uint8Array {
  return body(out => {
    // fuel - (i64.extend_i32_u n << shift)
    out.byte(0x23).u32(helpers.fuel).put(0x20, 0x00, 0xad, 0x42, LENGTH_COST.elementShift, 0x86)
    take(out, helpers)
    out.put(0x20, 0x00)
  })
}

/**
 * memory.grow, charged by pages before it runs. By nothing, it is memory.size: an engine would make a new buffer. Above
 * `most` pages it fails with -1 as usual. When the engine has no memory for an allowed size it traps: a failure visible to
 * the guest would differ between hosts. Then it sets the reach of the new size.
 */
export function growBody(helpers: Helpers, most: number): Uint8Array {
  return body(
    out => {
      // n == 0: return memory.size
      out.put(0x20, 0x00, 0x45, 0x04, 0x40, 0x3f, 0x00, 0x0f, 0x0b)
      // n > most - memory.size (unsigned): return -1
      out
        .put(0x20, 0x00)
        .byte(0x41)
        .signed(most)
        .put(0x3f, 0x00, 0x6b, 0x4b, 0x04, 0x40, 0x41, 0x7f, 0x0f, 0x0b)
      // fuel - (page * n + heldPage * (n + memory.size)), as i64
      out.byte(0x23).u32(helpers.fuel)
      out.put(0x20, 0x00, 0xad).byte(0x42).signed(LENGTH_COST.page).byte(0x7e)
      out.put(0x20, 0x00, 0x3f, 0x00, 0x6a, 0xad).byte(0x42).signed(LENGTH_COST.heldPage).put(0x7e, 0x7c)
      take(out, helpers)
      // memory.grow, local.tee 1, i32.const -1, i32.eq, if, unreachable, end
      out.put(0x20, 0x00, 0x40, 0x00, 0x22, 0x01, 0x41, 0x7f, 0x46, 0x04, 0x40, 0x00, 0x0b)
      writeReach(out)
      out.byte(0x24).u32(helpers.reach).put(0x20, 0x01)
    },
    [1, 1, 0x7f]
  )
}

/** Writes the reach of the present memory: the smallest class of at least its size, as nested selects. */
function writeReach(out: Writer, at = 0): void {
  const { pages, cost } = REACH[at]!
  out.byte(0x42).signed(cost)
  if (at === REACH.length - 1) return
  writeReach(out, at + 1)
  // memory.size, i32.const, i32.le_u, select
  out.put(0x3f, 0x00, 0x41).signed(pages).put(0x4d, 0x1b)
}

/** A function that the host enters: sets the full depth, then calls the target. */
export function wrapperBody(depth: number, target: number, params: number): Uint8Array {
  return body(out => {
    out.byte(0x41).signed(DEPTH_SLOTS).byte(0x24).u32(depth)
    for (let i = 0; i < params; i++) out.byte(0x20).u32(i)
    out.byte(0x10).u32(target)
  })
}
