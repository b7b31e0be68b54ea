import { assemble, F32, F64, FUNCREF, I32, I64, op, u32, V128 } from '../assembler.js'
import type { Func, Signature } from '../assembler.js'
import { Random } from '../random.js'
import { ExpressionMaker } from './expression-maker.js'
import { CHOICES, MASK, SCALARS, TYPES } from './operations.js'

// Random modules that are valid and end: typed expressions and statements, counted loops, and calls only of
// later functions.

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

class Maker extends ExpressionMaker {
  readonly #signatures: Signature[]
  /** Functions in the first table, from 1. */
  readonly #table: number[]
  #results: readonly number[] = []
  #index = 0
  #counters: number[] = []

  constructor(
    seed: number,
    eager: boolean,
    readonly byLength: boolean
  ) {
    super(new Random(seed), eager)
    this.#signatures = Array.from({ length: 2 + this.random.below(4) }, (_, i) => this.#signature(i === 0))
    this.#table = Array.from({ length: 8 }, () => this.random.below(this.#signatures.length))
  }

  module(): Made {
    const random = this.random
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
        { type: V128, init: op.simd(12, ...this.bytes(16)) }
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
        [0, ...op.i32(64), 0x0b, ...u32(64), ...this.bytes(64)],
        [1, ...u32(40), ...this.bytes(40)]
      ]
    })
    const entries = functions.flatMap((func, i) =>
      func.export === undefined ? [] : [{ name: func.export, params: this.#signatures[i]!.params ?? [] }]
    )
    return { bytes, entries }
  }

  #signature(entered: boolean): Signature {
    const random = this.random
    const types = entered || random.chance(0.5) ? SCALARS : TYPES
    const some = (most: number): number[] =>
      Array.from({ length: random.below(most + 1) }, () => random.pick(types))
    return { params: some(3), results: some(random.chance(0.2) ? 3 : 1) }
  }

  #function(signature: Signature, index: number): Func {
    const random = this.random
    const { params = [], results = [] } = signature
    const own = [...TYPES, ...Array.from({ length: random.below(6) }, () => random.pick(TYPES))]
    this.locals = [...params, ...own]
    this.#counters = Array.from({ length: 6 }, (_, i) => this.locals.length + i)
    this.labels = [results]
    this.#results = results
    this.#index = index
    this.budget = 60 + random.below(200)
    const body = [
      ...this.statements(3 + random.below(5)),
      ...this.locals.flatMap((_, local) => this.#show(local)),
      ...results.flatMap(type => this.value(type, 4))
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
    const type = this.locals[local]!
    const at = 60_000 + 500 * this.#index + 16 * local
    const store: Record<number, number[]> = { [I32]: [0x36], [I64]: [0x37], [F32]: [0x38], [F64]: [0x39] }
    return [...op.i32(0), ...op.get(local), ...(store[type] ?? op.simd(11)), 0, ...u32(at)]
  }

  protected statements(count: number): number[] {
    const bytes: number[] = []
    for (let i = 0; i < count && this.budget > 0; i++) bytes.push(...this.#statement())
    return bytes
  }

  #statement(): number[] {
    this.budget -= 3
    this.afterArithmetic = 0
    const random = this.random
    switch (random.below(22)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const local = random.below(this.locals.length)
        return [...this.value(this.locals[local]!, 5), ...op.set(local)]
      }
      case 4:
      case 5:
      case 6:
        return this.operation(random.pick(CHOICES.get(0)!), 4)
      case 7: {
        const global = random.below(TYPES.length)
        return [...this.value(TYPES[global]!, 4), ...op.globalSet(global)]
      }
      case 8:
        return [
          ...this.value(I32, 3),
          ...op.if(),
          ...this.inside([], () => this.statements(1 + random.below(3))),
          ...(random.chance(0.5)
            ? [...op.else, ...this.inside([], () => this.statements(1 + random.below(3)))]
            : []),
          ...op.end
        ]
      case 9:
        return [...op.block(), ...this.inside([], () => this.statements(1 + random.below(4))), ...op.end]
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
        return [...this.value(random.pick(TYPES), 5), ...op.drop]
      case 20:
        return random.chance(0.2) ? this.#leave() : this.#show(random.below(this.locals.length))
      default: {
        const local = random.below(this.locals.length)
        return [...this.value(this.locals[local]!, 5), ...op.tee(local), ...op.drop]
      }
    }
  }

  /** A loop of a few iterations, counted down in a local of its own. */
  #loop(): number[] {
    const random = this.random
    const counter = this.#counters.pop()
    if (counter === undefined) return op.nop
    const write = (): number[] => {
      const body = this.inside(null, () => [
        ...this.statements(1 + random.below(3)),
        ...op.get(counter),
        ...op.i32(1),
        ...op.i32Sub,
        ...op.tee(counter),
        ...op.brIf(0)
      ])
      return [...op.i32(1 + random.below(4)), ...op.set(counter), ...op.loop(), ...body, ...op.end]
    }
    const bytes = random.chance(0.3) ? [...op.block(), ...this.inside([], write), ...op.end] : write()
    this.#counters.push(counter)
    return bytes
  }

  #target(): { depth: number; types: readonly number[] } | null {
    const depth = this.random.below(this.labels.length)
    const types = this.labels[this.labels.length - 1 - depth]
    return types ? { depth, types } : null
  }

  #branchIf(): number[] {
    const target = this.#target()
    if (!target) return op.nop
    return [
      ...target.types.flatMap(type => this.value(type, 3)),
      ...this.value(I32, 2),
      ...op.brIf(target.depth),
      ...target.types.flatMap(() => op.drop)
    ]
  }

  #branchTable(): number[] {
    const random = this.random
    const depth = 1 + random.below(4)
    const blocks = Array.from({ length: depth }, () => op.block()).flat()
    const targets = Array.from({ length: random.below(5) }, () => random.below(depth))
    for (let i = 0; i < depth; i++) this.labels.push([])
    const head = [...this.value(I32, 2), ...op.i32(7), 0x71, ...op.brTable(targets, random.below(depth))]
    this.labels.length -= depth
    const bytes = [...blocks, ...head, ...(random.chance(0.3) ? this.#dead() : []), ...op.end]
    for (let left = depth - 1; left > 0; left--) {
      for (let i = 0; i < left; i++) this.labels.push([])
      bytes.push(...this.statements(1))
      this.labels.length -= left
      bytes.push(...op.end)
    }
    return bytes
  }

  /** Unreachable code: anything that is valid on any stack. */
  #dead(): number[] {
    return this.random.pick([
      op.nop,
      [0x92, ...op.drop],
      [...op.block(), ...op.br(0), 0x6a, ...op.drop, ...op.end],
      [...op.loop(), ...op.unreachable, ...op.end],
      [...op.if(), ...op.nop, ...op.else, ...op.unreachable, ...op.end],
      [...op.select, ...op.drop, ...op.simd(13, ...this.bytes(16).map(byte => byte & 31)), ...op.drop],
      [0xd0, FUNCREF, 0xd1, 0x1c, 1, F64, ...op.drop]
    ])
  }

  #leave(): number[] {
    if (this.random.chance(0.1)) return [...op.block(), ...op.unreachable, ...this.#dead(), ...op.end]
    const condition = this.value(I32, 2)
    const values = this.inside([], () => this.#results.flatMap(type => this.value(type, 3)))
    return [...condition, ...op.if(), ...values, ...op.return, ...this.#dead(), ...op.end]
  }

  /** A block with several results, which are stored in locals. */
  #multiple(): number[] {
    const random = this.random
    const index = random.below(BLOCK_TYPES.length)
    const { params, results } = BLOCK_TYPES[index]!
    const entry = params.flatMap(type => this.value(type, 3))
    const opener = random.pick([0x02, 0x02, 0x03, 0x04])
    const arm = (): number[] =>
      this.inside(opener === 0x03 ? null : results, () => {
        const taken = this.#keep(params)
        const statements = this.statements(1 + random.below(2))
        return [...taken, ...statements, ...results.flatMap(type => this.value(type, 3))]
      })
    const condition = opener === 0x04 ? this.value(I32, 2) : []
    const body = opener === 0x04 ? [...arm(), ...op.else, ...arm()] : arm()
    return [...entry, ...condition, opener, ...u32(index), ...body, ...op.end, ...this.#keep(results)]
  }

  /** Stores values of the stack in locals. */
  #keep(types: readonly number[]): number[] {
    return [...types].reverse().flatMap(type => {
      const local = this.locals.indexOf(type)
      return local < 0 ? op.drop : op.set(local)
    })
  }

  #call(indirect: boolean): number[] {
    const random = this.random
    const further = this.#signatures.length - this.#index - 1
    if (further <= 0 || this.labels.length > 4) return op.nop
    const callee = this.#index + 1 + random.below(further)
    const { params = [], results = [] } = this.#signatures[callee]!
    const args = params.flatMap(type => this.value(type, 3))
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
    const random = this.random
    const place = (): number[] => [...this.value(I32, 2), ...op.i32(MASK), 0x71]
    const length = (most: number): number[] => op.i32(random.below(most))
    return random.pick([
      () => [...place(), ...place(), ...length(300), ...op.bulk(10, 0, 0)],
      () => [...place(), ...this.value(I32, 2), ...length(300), ...op.bulk(11, 0)],
      () => [...place(), ...length(20), ...length(22), ...op.bulk(8, 1, 0)],
      () => (random.chance(0.03) ? op.bulk(9, 1) : op.nop),
      () => [...length(5), ...length(2), ...length(3), ...op.bulk(12, 1, 0)],
      () => (random.chance(0.03) ? op.bulk(13, 1) : op.nop),
      () => [...length(8), ...length(3), ...length(2), ...op.bulk(14, 1, 0)],
      () => [0xd2, 0, ...length(4), ...op.bulk(15, 1), ...op.drop],
      () => [...op.bulk(16, 1), ...op.set(this.locals.indexOf(I32))],
      () => [...length(3), 0xd0, FUNCREF, ...length(2), ...op.bulk(17, 1)],
      () => [...length(9), ...length(9), 0x25, 0, 0x26, 0],
      () => [0x3f, 0, ...op.drop]
    ])()
  }
}

const BLOCK_TYPES: { params: number[]; results: number[] }[] = [
  { params: [F64, I32], results: [I32, F64] },
  { params: [], results: [F32, F64, V128] },
  { params: [V128], results: [V128] },
  { params: [F64], results: [] },
  { params: [F32, F64], results: [F64, F64] }
]
