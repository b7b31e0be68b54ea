import { PLAIN, SATURATING, VECTOR } from '../../../src/compute/fuel/wasm/opcodes.js'
import type { OpcodeOperation } from '../../../src/compute/fuel/wasm/opcodes.js'
import { assemble, F32, F64, FUNCREF, I32, I64, op, u32, V128 } from './assembler.js'
import type { Func, Signature } from './assembler.js'
import { isArithmetic, writeCanonical } from './arithmetic.js'
import { Random } from './random.js'

// Random modules that are valid and end: typed expressions and statements, counted loops, and calls only of
// later functions.

const SCALARS = [I32, I64, F32, F64]
const TYPES = [...SCALARS, V128]

interface Choice {
  bytes: number[]
  operation: OpcodeOperation
  arithmetic: 32 | 64 | 0
}

/** All operations by their result type; stores under 0. */
const CHOICES = new Map<number, Choice[]>()
function offer(table: readonly (OpcodeOperation | undefined)[], prefix: number[]): void {
  table.forEach((operation, number) => {
    if (!operation || operation.pops.length === 0) return
    const bytes = prefix.length > 0 ? [...prefix, ...u32(number)] : [number]
    const left = operation.pushes[0] ?? 0
    const choices = CHOICES.get(left) ?? []
    choices.push({ bytes, operation, arithmetic: isArithmetic(bytes) })
    CHOICES.set(left, choices)
  })
}
offer(PLAIN, [])
offer(SATURATING, [0xfc])
offer(VECTOR, [0xfd])

export interface Made {
  bytes: Uint8Array<ArrayBuffer>
  /** Exported functions with the types of their parameters. */
  entries: { name: string; params: readonly number[] }[]
}

/**
 * The module of a seed. With `eager`, every arithmetic result is made canonical at once: run plain, the
 * module does bit for bit what the module without `eager` does when metered. Without `byLength`, it has no
 * instruction that is charged by length.
 */
export function makeProgram(seed: number, eager: boolean, byLength = true): Made {
  return new Maker(seed, eager, byLength).module()
}

const MASK = 0xffff

/** Divisions and conversions that trap. */
const TRAPPING = [
  [0x6d, 0x70],
  [0x7f, 0x82],
  [0xa8, 0xab],
  [0xae, 0xb1]
]

class Maker {
  readonly #random: Random
  readonly #signatures: Signature[]
  /** Functions in the first table, from 1. */
  readonly #table: number[]
  #locals: number[] = []
  /** Result types of the labels, innermost last; null for labels that must not be branched to. */
  #labels: (readonly number[] | null)[] = []
  #results: readonly number[] = []
  #index = 0
  #budget = 0
  #counters: number[] = []
  /** Whether the last instruction was arithmetic: abs and neg after it count as part of it. */
  #afterArithmetic: 32 | 64 | 0 = 0

  constructor(
    seed: number,
    readonly eager: boolean,
    readonly byLength: boolean
  ) {
    this.#random = new Random(seed)
    this.#signatures = Array.from({ length: 2 + this.#random.below(4) }, (_, i) => this.#signature(i === 0))
    this.#table = Array.from({ length: 8 }, () => this.#random.below(this.#signatures.length))
  }

  module(): Made {
    const random = this.#random
    const functions = this.#signatures.map((signature, i) => this.#function(signature, i))
    const start = random.chance(0.3)
    if (start) functions.push({ ...this.#function({}, functions.length), export: undefined })
    const count = this.#signatures.length
    const indices = this.#table.map(index => u32(index))
    const bytes = assemble({
      types: BLOCK_TYPES,
      functions,
      tables: [
        [FUNCREF, 0, 10],
        [FUNCREF, 1, 4, 20]
      ],
      memory: [1, 1, 3],
      globals: [
        { type: I32, init: op.i32(7), export: 'a' },
        { type: I64, init: op.i64(-9n), export: 'b' },
        { type: F32, init: op.f32Bits(0x7fa00001), export: 'c' },
        { type: F64, init: op.f64Bits(0xfff8000000000000n), export: 'd' },
        { type: V128, init: op.simd(12, ...this.#bytes(16)) }
      ],
      ...(start ? { start: count } : {}),
      elements: [
        [0, ...op.i32(1), 0x0b, ...u32(indices.length), ...indices.flat()],
        [1, 0, ...u32(3), 0, 0, 0],
        [2, 1, ...op.i32(0), 0x0b, 0, ...u32(1), 0],
        [3, 0, 1, 0],
        [4, ...op.i32(0), 0x0b, 1, 0xd2, 0, 0x0b],
        [5, FUNCREF, 2, 0xd0, FUNCREF, 0x0b, 0xd2, 1, 0x0b],
        [6, 1, ...op.i32(1), 0x0b, FUNCREF, 1, 0xd2, 0, 0x0b],
        [7, FUNCREF, 1, 0xd2, 1, 0x0b]
      ],
      data: [
        [0, ...op.i32(64), 0x0b, ...u32(64), ...this.#bytes(64)],
        [1, ...u32(40), ...this.#bytes(40)]
      ]
    })
    const entries = functions.flatMap((func, i) =>
      func.export === undefined ? [] : [{ name: func.export, params: this.#signatures[i]!.params ?? [] }]
    )
    return { bytes, entries }
  }

  #bytes(count: number): number[] {
    return Array.from({ length: count }, () =>
      this.#random.pick([0, 0, 0xff, 0x7f, 0xf8, 0x80, this.#random.below(256)])
    )
  }

  #signature(entered: boolean): Signature {
    const random = this.#random
    const types = entered || random.chance(0.5) ? SCALARS : TYPES
    const some = (most: number): number[] =>
      Array.from({ length: random.below(most + 1) }, () => random.pick(types))
    return { params: some(3), results: some(random.chance(0.2) ? 3 : 1) }
  }

  #function(signature: Signature, index: number): Func {
    const random = this.#random
    const { params = [], results = [] } = signature
    const own = [...TYPES, ...Array.from({ length: random.below(6) }, () => random.pick(TYPES))]
    this.#locals = [...params, ...own]
    this.#counters = Array.from({ length: 6 }, (_, i) => this.#locals.length + i)
    this.#labels = [results]
    this.#results = results
    this.#index = index
    this.#budget = 60 + random.below(200)
    const body = [
      ...this.#statements(3 + random.below(5)),
      ...this.#locals.flatMap((_, local) => this.#show(local)),
      ...results.flatMap(type => this.#value(type, 4))
    ]
    const exported = [...params, ...results].every(type => type !== V128)
    return {
      ...signature,
      // counters, then scratch locals for making results canonical
      locals: [...own, ...this.#counters.map(() => I32), F32, F64, V128],
      body,
      ...(exported ? { export: `f${index}` } : {})
    }
  }

  /** Stores a local in memory, where it is visible. */
  #show(local: number): number[] {
    const type = this.#locals[local]!
    const at = 60_000 + 500 * this.#index + 16 * local
    const store: Record<number, number[]> = { [I32]: [0x36], [I64]: [0x37], [F32]: [0x38], [F64]: [0x39] }
    return [...op.i32(0), ...op.get(local), ...(store[type] ?? op.simd(11)), 0, ...u32(at)]
  }

  #statements(count: number): number[] {
    const bytes: number[] = []
    for (let i = 0; i < count && this.#budget > 0; i++) bytes.push(...this.#statement())
    return bytes
  }

  #statement(): number[] {
    this.#budget -= 3
    this.#afterArithmetic = 0
    const random = this.#random
    switch (random.below(22)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const local = random.below(this.#locals.length)
        return [...this.#value(this.#locals[local]!, 5), ...op.set(local)]
      }
      case 4:
      case 5:
      case 6:
        return this.#operation(random.pick(CHOICES.get(0)!), 4)
      case 7: {
        const global = random.below(TYPES.length)
        return [...this.#value(TYPES[global]!, 4), ...op.globalSet(global)]
      }
      case 8:
        return [
          ...this.#value(I32, 3),
          ...op.if(),
          ...this.#inside([], () => this.#statements(1 + random.below(3))),
          ...(random.chance(0.5)
            ? [...op.else, ...this.#inside([], () => this.#statements(1 + random.below(3)))]
            : []),
          ...op.end
        ]
      case 9:
        return [...op.block(), ...this.#inside([], () => this.#statements(1 + random.below(4))), ...op.end]
      case 10:
      case 11:
        return this.#loop()
      case 12:
        return this.#branchIf()
      case 13:
        return this.#branchTable()
      case 14:
        return this.#multiple()
      case 15:
      case 16:
        return this.#call(random.chance(0.3))
      case 17:
        return this.byLength ? this.#bulk() : op.nop
      case 18:
        return this.byLength ? [...op.i32(random.below(3)), 0x40, 0, ...op.drop] : op.nop
      case 19:
        return [...this.#value(random.pick(TYPES), 5), ...op.drop]
      case 20:
        return random.chance(0.2) ? this.#leave() : this.#show(random.below(this.#locals.length))
      default: {
        const local = random.below(this.#locals.length)
        return [...this.#value(this.#locals[local]!, 5), ...op.tee(local), ...op.drop]
      }
    }
  }

  #inside<T>(label: readonly number[] | null, write: () => T): T {
    this.#labels.push(label)
    const written = write()
    this.#labels.pop()
    this.#afterArithmetic = 0
    return written
  }

  /** A loop of a few iterations, counted down in a local of its own. */
  #loop(): number[] {
    const random = this.#random
    const counter = this.#counters.pop()
    if (counter === undefined) return op.nop
    const write = (): number[] => {
      const body = this.#inside(null, () => [
        ...this.#statements(1 + random.below(3)),
        ...op.get(counter),
        ...op.i32(1),
        ...op.i32Sub,
        ...op.tee(counter),
        ...op.brIf(0)
      ])
      return [...op.i32(1 + random.below(4)), ...op.set(counter), ...op.loop(), ...body, ...op.end]
    }
    const bytes = random.chance(0.3) ? [...op.block(), ...this.#inside([], write), ...op.end] : write()
    this.#counters.push(counter)
    return bytes
  }

  #target(): { depth: number; types: readonly number[] } | null {
    const depth = this.#random.below(this.#labels.length)
    const types = this.#labels[this.#labels.length - 1 - depth]
    return types ? { depth, types } : null
  }

  #branchIf(): number[] {
    const target = this.#target()
    if (!target) return op.nop
    return [
      ...target.types.flatMap(type => this.#value(type, 3)),
      ...this.#value(I32, 2),
      ...op.brIf(target.depth),
      ...target.types.flatMap(() => op.drop)
    ]
  }

  #branchTable(): number[] {
    const random = this.#random
    const depth = 1 + random.below(4)
    const blocks = Array.from({ length: depth }, () => op.block()).flat()
    const targets = Array.from({ length: random.below(5) }, () => random.below(depth))
    for (let i = 0; i < depth; i++) this.#labels.push([])
    const head = [...this.#value(I32, 2), ...op.i32(7), 0x71, ...op.brTable(targets, random.below(depth))]
    this.#labels.length -= depth
    const bytes = [...blocks, ...head, ...(random.chance(0.3) ? this.#dead() : []), ...op.end]
    for (let left = depth - 1; left > 0; left--) {
      for (let i = 0; i < left; i++) this.#labels.push([])
      bytes.push(...this.#statements(1))
      this.#labels.length -= left
      bytes.push(...op.end)
    }
    return bytes
  }

  /** Unreachable code: anything that is valid on any stack. */
  #dead(): number[] {
    return this.#random.pick([
      op.nop,
      [0x92, ...op.drop],
      [...op.block(), ...op.br(0), 0x6a, ...op.drop, ...op.end],
      [...op.loop(), ...op.unreachable, ...op.end],
      [...op.if(), ...op.nop, ...op.else, ...op.unreachable, ...op.end],
      [...op.select, ...op.drop, ...op.simd(13, ...this.#bytes(16).map(byte => byte & 31)), ...op.drop],
      [0xd0, FUNCREF, 0xd1, 0x1c, 1, F64, ...op.drop]
    ])
  }

  #leave(): number[] {
    if (this.#random.chance(0.1)) return [...op.block(), ...op.unreachable, ...this.#dead(), ...op.end]
    const condition = this.#value(I32, 2)
    const values = this.#inside([], () => this.#results.flatMap(type => this.#value(type, 3)))
    return [...condition, ...op.if(), ...values, ...op.return, ...this.#dead(), ...op.end]
  }

  /** A block with several results, which are stored in locals. */
  #multiple(): number[] {
    const random = this.#random
    const index = random.below(BLOCK_TYPES.length)
    const { params, results } = BLOCK_TYPES[index]!
    const entry = params.flatMap(type => this.#value(type, 3))
    const opener = random.pick([0x02, 0x02, 0x03, 0x04])
    const arm = (): number[] =>
      this.#inside(opener === 0x03 ? null : results, () => {
        const taken = this.#keep(params)
        const statements = this.#statements(1 + random.below(2))
        return [...taken, ...statements, ...results.flatMap(type => this.#value(type, 3))]
      })
    const condition = opener === 0x04 ? this.#value(I32, 2) : []
    const body = opener === 0x04 ? [...arm(), ...op.else, ...arm()] : arm()
    return [...entry, ...condition, opener, ...u32(index), ...body, ...op.end, ...this.#keep(results)]
  }

  /** Stores values of the stack in locals. */
  #keep(types: readonly number[]): number[] {
    return [...types].reverse().flatMap(type => {
      const local = this.#locals.indexOf(type)
      return local < 0 ? op.drop : op.set(local)
    })
  }

  #call(indirect: boolean): number[] {
    const random = this.#random
    const further = this.#signatures.length - this.#index - 1
    if (further <= 0 || this.#labels.length > 4) return op.nop
    const callee = this.#index + 1 + random.below(further)
    const { params = [], results = [] } = this.#signatures[callee]!
    const args = params.flatMap(type => this.#value(type, 3))
    const kept = this.#keep(results)
    if (!indirect) return [...args, ...op.call(callee), ...kept]
    // types are compared by structure: an earlier function of an equal type could call this one without end
    const earlier = this.#signatures.slice(0, this.#index + 1)
    if (
      earlier.some(
        other => String(other.params) === String(params) && String(other.results) === String(results)
      )
    )
      return op.nop
    const place = this.#table.indexOf(callee)
    if (place < 0) return op.nop
    return [
      ...args,
      ...op.i32(random.chance(0.02) ? 0 : place + 1),
      ...op.callIndirect(BLOCK_TYPES.length + callee),
      ...kept
    ]
  }

  #bulk(): number[] {
    const random = this.#random
    const place = (): number[] => [...this.#value(I32, 2), ...op.i32(MASK), 0x71]
    const length = (most: number): number[] => op.i32(random.below(most))
    return random.pick([
      () => [...place(), ...place(), ...length(300), ...op.bulk(10, 0, 0)],
      () => [...place(), ...this.#value(I32, 2), ...length(300), ...op.bulk(11, 0)],
      () => [...place(), ...length(20), ...length(22), ...op.bulk(8, 1, 0)],
      () => (random.chance(0.03) ? op.bulk(9, 1) : op.nop),
      () => [...length(5), ...length(2), ...length(3), ...op.bulk(12, 1, 0)],
      () => (random.chance(0.03) ? op.bulk(13, 1) : op.nop),
      () => [...length(8), ...length(3), ...length(2), ...op.bulk(14, 1, 0)],
      () => [0xd2, 0, ...length(4), ...op.bulk(15, 1), ...op.drop],
      () => [...op.bulk(16, 1), ...op.set(this.#locals.indexOf(I32))],
      () => [...length(3), 0xd0, FUNCREF, ...length(2), ...op.bulk(17, 1)],
      () => [...length(9), ...length(9), 0x25, 0, 0x26, 0],
      () => [0x3f, 0, ...op.drop]
    ])()
  }

  /** An expression that leaves one value. */
  #value(type: number, depth: number): number[] {
    const random = this.#random
    this.#budget--
    if (depth <= 0 || this.#budget <= 0) return this.#simple(type)
    switch (random.below(12)) {
      case 0:
      case 1:
        return this.#simple(type)
      case 2: {
        const [a, b, c] = [
          this.#value(type, depth - 1),
          this.#value(type, depth - 1),
          this.#value(I32, depth - 1)
        ]
        this.#afterArithmetic = 0
        return [...a, ...b, ...c, ...(random.chance(0.5) ? op.select : [0x1c, 1, type])]
      }
      case 3: {
        const bytes = [
          ...op.block(type),
          ...this.#inside([type], () => {
            const before = this.#statements(1)
            const early = random.chance(0.5)
              ? [...this.#value(type, depth - 1), ...this.#value(I32, 1), ...op.brIf(0), ...op.drop]
              : []
            return [...before, ...early, ...this.#value(type, depth - 1)]
          }),
          ...op.end
        ]
        return bytes
      }
      case 4: {
        const condition = this.#value(I32, depth - 1)
        const arm = (): number[] => this.#inside([type], () => this.#value(type, depth - 1))
        return [...condition, ...op.if(type), ...arm(), ...op.else, ...arm(), ...op.end]
      }
      case 5: {
        const local = this.#locals.indexOf(type)
        const value = this.#value(type, depth - 1)
        this.#afterArithmetic = 0
        return local < 0 ? value : [...value, ...op.tee(local)]
      }
      default:
        return this.#operation(this.#choice(type), depth)
    }
  }

  #simple(type: number): number[] {
    const random = this.#random
    this.#afterArithmetic = 0
    const locals = this.#locals.flatMap((local, i) => (local === type ? [i] : []))
    if (locals.length > 0 && random.chance(0.6)) return op.get(random.pick(locals))
    if (random.chance(0.15)) return op.globalGet(TYPES.indexOf(type))
    switch (type) {
      case I32:
        return op.i32(random.pick([0, 1, -1, 8, 64, 1000, -(2 ** 31), random.below(2 ** 31)]))
      case I64:
        return op.i64(random.pick([0n, 1n, -1n, 2n ** 62n, BigInt(random.below(2 ** 31))]))
      case F32:
        return op.f32Bits(
          random.pick([0, 0x80000000, 0x3f800000, 0x7f800000, 0xff800000, 0x7fa12345, 0xffc00001, 0x42f6e979])
        )
      case F64:
        return op.f64Bits(
          random.pick([
            0n,
            1n << 63n,
            0x3ff0000000000000n,
            0x7ff0000000000000n,
            0xfff0000000000000n,
            0x7ff4000000000123n,
            0xfff8000000000001n,
            0x40f86a0000000000n
          ])
        )
      default:
        return op.simd(12, ...this.#bytes(16))
    }
  }

  /** Chooses an operation; operations that may trap are rare. */
  #choice(type: number): Choice {
    const choice = this.#random.pick(CHOICES.get(type)!)
    const [first] = choice.bytes
    const traps = TRAPPING.some(([from, to]) => first! >= from! && first! <= to!)
    return traps && this.#random.chance(0.9) ? this.#choice(type) : choice
  }

  #operation({ bytes, operation, arithmetic }: Choice, depth: number): number[] {
    const random = this.#random
    const { pops, immediate } = operation
    const written: number[] = []
    const onMemory = immediate === 'memory' || immediate === 'memory+lane'
    pops.forEach((type, i) => {
      written.push(...this.#value(type, depth - 1))
      if (onMemory && i === 0) {
        this.#afterArithmetic = 0
        if (random.chance(0.997)) written.push(...op.i32(MASK - 255), 0x71)
      }
    })
    const after = this.#afterArithmetic
    written.push(...bytes)
    if (onMemory) written.push(0, ...u32(random.below(200)))
    if (immediate === 'memory+lane' || immediate === 'lane') written.push(lane(bytes, random))
    if (immediate === 'sixteen') written.push(...this.#bytes(16).map(byte => byte & 31))
    let kind = arithmetic
    if (operation.sign && after !== 0 && after === arithmeticOf(operation)) kind = after
    this.#afterArithmetic = kind
    if (this.eager && kind !== 0) {
      const scratch = this.#locals.length + 6
      written.push(...writeCanonical(operation.pushes[0]!, kind, scratch))
    }
    return written
  }
}

/** The lane type of abs and neg. */
function arithmeticOf({ makes }: OpcodeOperation): 32 | 64 {
  return makes === 1 ? 32 : 64
}

/** A valid lane index. */
function lane(bytes: readonly number[], random: Random): number {
  const number = bytes[1]! >= 0x80 ? (bytes[1]! & 0x7f) | (bytes[2]! << 7) : bytes[1]!
  const lanes =
    number <= 23
      ? 16
      : number <= 26
        ? 8
        : number <= 28
          ? 4
          : number <= 30
            ? 2
            : number <= 32
              ? 4
              : number <= 34
                ? 2
                : [16, 8, 4, 2][(number - 84) % 4]!
  return random.below(lanes)
}

const BLOCK_TYPES: { params: number[]; results: number[] }[] = [
  { params: [F64, I32], results: [I32, F64] },
  { params: [], results: [F32, F64, V128] },
  { params: [V128], results: [V128] },
  { params: [F64], results: [] },
  { params: [F32, F64], results: [F64, F64] }
]
