import { ARITH32 } from './kinds.js'
import { F32, F64 } from '../wasm/types.js'
import type { Writer } from '../wasm/writer.js'

const NAN32 = [0x00, 0x00, 0xc0, 0x7f]
const NAN64 = [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x7f]

/** Makes the value on top of the stack canonical: replaces a value that differs from itself by the canonical NaN. */
export function writeCanonical(out: Writer, type: number, kind: number, scratch: number): void {
  const twice = (): Writer => out.byte(0x20).u32(scratch).byte(0x20).u32(scratch)
  out.byte(0x22).u32(scratch)
  if (type === F32) {
    out.byte(0x43).bytes(NAN32)
    twice().put(0x5b, 0x1b)
  } else if (type === F64) {
    out.byte(0x44).bytes(NAN64)
    twice().put(0x61, 0x1b)
  } else if (kind === ARITH32) {
    // v128.const, f32x4.eq, v128.bitselect
    out.put(0xfd, 0x0c).bytes([...NAN32, ...NAN32, ...NAN32, ...NAN32])
    twice().put(0xfd, 0x41, 0xfd, 0x52)
  } else {
    out.put(0xfd, 0x0c).bytes([...NAN64, ...NAN64])
    twice().put(0xfd, 0x47, 0xfd, 0x52)
  }
}
