import { ANY, NUMBER } from '../nan/kinds.js'
import type { Immediate } from './opcodes.js'
import { ModuleRefused } from '../refused.js'
import { passImmediate } from './pass.js'
import type { WasmReader } from './reader.js'
import { EXTERNREF, FUNCREF } from './types.js'
import type { Writer } from './writer.js'

/** Kind of a constant: NUMBER when no lane is a NaN. */
export function constantKind(immediate: Immediate, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (immediate !== 'four' && immediate !== 'eight' && immediate !== 'sixteen') return ANY
  if (immediate !== 'eight')
    for (let at = 0; at < bytes.length; at += 4) if (Number.isNaN(view.getFloat32(at, true))) return ANY
  if (immediate !== 'four')
    for (let at = 0; at < bytes.length; at += 8) if (Number.isNaN(view.getFloat64(at, true))) return ANY
  return NUMBER
}

/**
 * Copies an initialiser: a constant, or a reference with a shifted function index. Refuses globals: only imported ones are
 * valid there, and a module cannot import any.
 */
export function copyConstant(reader: WasmReader, imported: number, out: Writer): void {
  const from = reader.at
  const opcode = reader.byte()
  switch (opcode) {
    case 0x41:
      passImmediate('i32', reader)
      break
    case 0x42:
      passImmediate('i64', reader)
      break
    case 0x43:
      passImmediate('four', reader)
      break
    case 0x44:
      passImmediate('eight', reader)
      break
    case 0xd0: {
      const type = reader.byte()
      if (type !== FUNCREF && type !== EXTERNREF) throw new ModuleRefused('it uses typed function references')
      break
    }
    case 0xd2: {
      const index = reader.u32()
      endOf(reader)
      out.byte(0xd2).u32(shifted(index, imported)).byte(0x0b)
      return
    }
    case 0xfd:
      if (reader.u32() !== 12) throw new ModuleRefused('it uses extended constant expressions')
      passImmediate('sixteen', reader)
      break
    case 0xfb:
      throw new ModuleRefused('it uses garbage collection')
    default:
      throw new ModuleRefused('it uses extended constant expressions')
  }
  endOf(reader)
  out.bytes(reader.bytes.subarray(from, reader.at))
}

function endOf(reader: WasmReader): void {
  if (reader.byte() !== 0x0b) throw new ModuleRefused('it uses extended constant expressions')
}

/** Index of a function in the metered module: one import is added before the module's own functions. */
export function shifted(index: number, imported: number): number {
  return index < imported ? index : index + 1
}
