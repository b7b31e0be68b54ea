import { PLAIN, SATURATING, VECTOR } from './opcodes.js'
import type { Immediate, OpcodeOperation } from './opcodes.js'
import type { WasmReader } from './reader.js'
import { ModuleRefused } from '../refused.js'

/** The operation of an opcode without control flow, or undefined. Reads the number after a prefix. */
export function plainOperation(opcode: number, reader: WasmReader): OpcodeOperation | undefined {
  if (opcode === 0xfd) return vectorOperation(reader.u32())
  return PLAIN[opcode]
}

function vectorOperation(number: number): OpcodeOperation {
  const found = VECTOR[number]
  if (found) return found
  if (number >= 0x100 && number <= 0x1ff) throw new ModuleRefused('it uses relaxed SIMD')
  throw new ModuleRefused(`unknown vector instruction ${number}`)
}

/** Skips the immediates of an unreachable instruction, after its opcode. */
export function passOver(opcode: number, reader: WasmReader): void {
  const plain = plainOperation(opcode, reader)
  if (plain) return passImmediate(plain.immediate, reader)
  switch (opcode) {
    case 0x00: // unreachable
    case 0x01: // nop
    case 0x05: // else
    case 0x0b: // end
    case 0x0f: // return
    case 0x1a: // drop
    case 0x1b: // select
    case 0xd1: // ref.is_null
      return
    case 0x02: // block
    case 0x03: // loop
    case 0x04: // if
      reader.s33()
      return
    case 0x0e: // br_table
      for (let left = reader.u32() + 1; left > 0; left--) reader.u32()
      return
    case 0x1c: // select with types
      for (let left = reader.u32(); left > 0; left--) reader.byte()
      return
    case 0xd0: // ref.null
      reader.byte()
      return
    case 0x11: // call_indirect
      reader.u32()
      reader.u32()
      return
    case 0x0c: // br
    case 0x0d: // br_if
    case 0x10: // call
    case 0x20: // local.get, set, tee
    case 0x21:
    case 0x22:
    case 0x23: // global.get, set
    case 0x24:
    case 0x25: // table.get, set
    case 0x26:
    case 0x3f: // memory.size, grow
    case 0x40:
    case 0xd2: // ref.func
      reader.u32()
      return
    case 0xfc:
      return passBulk(reader.u32(), reader)
  }
  refuseOpcode(opcode)
}

function passBulk(number: number, reader: WasmReader): void {
  if (SATURATING[number]) return
  if (number > 17) throw new ModuleRefused(`unknown instruction 0xfc ${number}`)
  reader.u32()
  // memory.init, memory.copy, table.init, table.copy
  if (number === 8 || number === 10 || number === 12 || number === 14) reader.u32()
}

/** Refuses an unknown opcode and names the feature that it belongs to. */
export function refuseOpcode(opcode: number): never {
  throw new ModuleRefused(familyOf(opcode) ?? `unknown instruction 0x${opcode.toString(16)}`)
}

function familyOf(opcode: number): string | undefined {
  if ((opcode >= 0x06 && opcode <= 0x0a) || opcode === 0x18 || opcode === 0x19 || opcode === 0x1f)
    return 'it uses exceptions'
  if (opcode === 0x12 || opcode === 0x13 || opcode === 0x15) return 'it uses tail calls'
  if (opcode === 0x14 || (opcode >= 0xd3 && opcode <= 0xd6)) return 'it uses typed function references'
  if (opcode === 0xfb) return 'it uses garbage collection'
  if (opcode === 0xfe) return 'it uses threads (atomic instructions)'
  return undefined
}

/** The immediates of a fixed length, bytes. */
const LENGTHS = { lane: 1, four: 4, eight: 8, sixteen: 16 }

export function passImmediate(immediate: Immediate, reader: WasmReader): void {
  switch (immediate) {
    case 'none':
      return
    case 'memory':
    case 'memory+lane':
      if (reader.u32() & 0x40) throw new ModuleRefused('it uses more than one memory')
      reader.u32()
      if (immediate === 'memory+lane') reader.skip(LENGTHS.lane)
      return
    case 'i32':
      return reader.skipNumber(5)
    case 'i64':
      return reader.skipNumber(10)
    default:
      reader.skip(LENGTHS[immediate])
  }
}

/** Reads a memory index, which must be 0. */
export function onlyMemory(reader: WasmReader): void {
  if (reader.byte() !== 0) throw new ModuleRefused('it uses more than one memory')
}
