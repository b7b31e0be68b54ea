import { Edits } from '../../../../src/compute/fuel/charge/edits.js'
import { COST } from '../../../../src/compute/fuel/costs.js'
import { PLAIN, SATURATING, VECTOR } from '../../../../src/compute/fuel/wasm/opcodes.js'
import { passOver } from '../../../../src/compute/fuel/wasm/pass.js'
import { WasmReader } from '../../../../src/compute/fuel/wasm/reader.js'
import { Writer } from '../../../../src/compute/fuel/wasm/writer.js'
import { END, HEADER, I64, name, op, section, u32, vector } from './assembler.js'

/** The cost of one instruction, by its bytes; not of instructions charged by length. */
function costOf(bytes: Uint8Array): number {
  const [opcode] = bytes
  const reader = new WasmReader(bytes, 1)
  if (opcode === 0xfd) return VECTOR[reader.u32()]!.cost
  if (opcode === 0xfc) {
    const number = reader.u32()
    if (SATURATING[number]) return SATURATING[number].cost
    if (number === 16) return COST.memorySize
    throw new Error(`0xfc ${number} is charged by length`)
  }
  const plain = PLAIN[opcode!]
  if (plain) return plain.cost
  const costs: Record<number, number> = {
    0x03: COST.loop,
    0x04: COST.if,
    0x0d: COST.branchIf,
    0x0e: COST.branchTable,
    0x10: COST.call,
    0x11: COST.callIndirect,
    0x1b: COST.select,
    0x1c: COST.select,
    0x20: COST.local,
    0x21: COST.local,
    0x22: COST.local,
    0x23: COST.globalGet,
    0x24: COST.globalSet,
    0x25: COST.tableGet,
    0x26: COST.tableSet,
    0x3f: COST.memorySize,
    0xd0: COST.reference,
    0xd1: COST.reference,
    0xd2: COST.reference
  }
  return costs[opcode!] ?? 0
}

/** The module with every executed instruction counted in a global that is exported as `count`. */
export function counted(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const out: number[] = [...HEADER]
  const reader = new WasmReader(module, 8)
  let count = 0
  while (!reader.done) {
    const number = reader.byte()
    const size = reader.u32()
    const from = reader.at
    reader.skip(size)
    const body = new WasmReader(module, from, reader.at)
    const rest = (): number[] => [...module.subarray(body.at, body.end)]
    if (number === 6) {
      count = body.u32()
      out.push(...section(6, [...u32(count + 1), ...rest(), I64, 1, ...op.i64(0n), END]))
    } else if (number === 7) {
      const exports = body.u32()
      out.push(...section(7, [...u32(exports + 1), ...rest(), ...name('count'), 3, ...u32(count)]))
    } else if (number === 10) {
      const bodies: number[][] = []
      for (let left = body.u32(); left > 0; left--) {
        const length = body.u32()
        const code = countedBody(new WasmReader(module, body.at, body.at + length), count)
        body.skip(length)
        bodies.push(u32(code.length).concat(code))
      }
      out.push(...section(10, vector(bodies)))
    } else out.push(...section(number, rest()))
  }
  return Uint8Array.from(out)
}

function countedBody(reader: WasmReader, global: number): number[] {
  const from = reader.at
  let locals = 0
  for (let left = reader.u32(); left > 0; left--) {
    locals += reader.u32()
    reader.byte()
  }
  const start = reader.at
  const edits = new Edits()
  const add = (at: number, cost: number): void => {
    if (cost > 0)
      edits.insert(at, 'before', out =>
        out.bytes([...op.globalGet(global), ...op.i64(BigInt(cost)), 0x7c, ...op.globalSet(global)])
      )
  }
  add(start, Math.ceil(locals / 4))
  while (!reader.done) {
    const at = reader.at
    const opcode = reader.byte()
    passOver(opcode, reader)
    add(opcode === 0x03 ? reader.at : at, costOf(reader.bytes.subarray(at, reader.at)))
  }
  const out = new Writer()
  edits.apply(reader.bytes, from, reader.end, out)
  return [...out.done()]
}
