import { writeCost } from './charges.js'
import type { FuelPlaces, Segment } from './charges.js'
import type { Edits } from './edits.js'

/**
 * An innermost loop without calls asks for fuel outside itself, because an engine keeps values in registers only in loops
 * without calls.
 *
 *     block (results)
 *       loop
 *         block
 *           loop (results)
 *             charge; below zero: br_if 1
 *             ...
 *           end
 *           br 2
 *         end
 *         ask, give the charge back, br 0 (which takes it again)
 *       end
 *       unreachable
 *     end
 */
export interface Wrapped {
  /** Offset of its opcode. */
  from: number
  /** Offsets of the start of its body and of the end of the loop. */
  body: number
  end: number
  head: Segment
}

/** Labels that a branch across such a loop passes in addition. */
export const ADDED_LABELS = 3

export function wrapLoop(
  edits: Edits,
  source: Uint8Array,
  { from, body, end, head }: Wrapped,
  places: FuelPlaces
): void {
  const { local, global, ask } = places
  const blockType = source.subarray(from + 1, body)
  edits.insert(from, 'before', out => out.byte(0x02).bytes(blockType).put(0x03, 0x40, 0x02, 0x40))
  edits.insert(end, 'closing', out => {
    out.put(0x0c, 0x02, 0x0b)
    out.byte(0x10).u32(ask)
    writeCost(out, head, places)
    // i64.add, local.tee, global.set
    out.put(0x7c, 0x22).u32(local).byte(0x24).u32(global)
    out.put(0x0c, 0x00, 0x0b, 0x00, 0x0b)
  })
}
