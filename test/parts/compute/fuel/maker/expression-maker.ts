import { F32, F64, I32, I64, op, u32 } from '../assembler.js'
import { writeCanonical } from '../arithmetic.js'
import type { Random } from '../random.js'
import { CHOICES, MASK, TRAPPING, TYPES, arithmeticOf, lane } from './operations.js'
import type { Choice } from './operations.js'

/** Writes random expressions, each of which leaves one value of the wanted type. */
export abstract class ExpressionMaker {
  protected locals: number[] = []
  /** Result types of the labels, innermost last; null for labels that must not be branched to. */
  protected labels: (readonly number[] | null)[] = []
  protected budget = 0
  /** Whether the last instruction was arithmetic: abs and neg after it count as part of it. */
  protected afterArithmetic: 32 | 64 | 0 = 0

  constructor(
    protected readonly random: Random,
    readonly eager: boolean
  ) {}

  protected abstract statements(count: number): number[]

  protected bytes(count: number): number[] {
    return Array.from({ length: count }, () =>
      this.random.pick([0, 0, 0xff, 0x7f, 0xf8, 0x80, this.random.below(256)])
    )
  }

  protected inside<T>(label: readonly number[] | null, write: () => T): T {
    this.labels.push(label)
    const written = write()
    this.labels.pop()
    this.afterArithmetic = 0
    return written
  }

  /** An expression that leaves one value. */
  protected value(type: number, depth: number): number[] {
    const random = this.random
    this.budget--
    if (depth <= 0 || this.budget <= 0) return this.#simple(type)
    switch (random.below(12)) {
      case 0:
      case 1:
        return this.#simple(type)
      case 2: {
        const [a, b, c] = [
          this.value(type, depth - 1),
          this.value(type, depth - 1),
          this.value(I32, depth - 1)
        ]
        this.afterArithmetic = 0
        return [...a, ...b, ...c, ...(random.chance(0.5) ? op.select : [0x1c, 1, type])]
      }
      case 3: {
        const bytes = [
          ...op.block(type),
          ...this.inside([type], () => {
            const before = this.statements(1)
            const early = random.chance(0.5)
              ? [...this.value(type, depth - 1), ...this.value(I32, 1), ...op.brIf(0), ...op.drop]
              : []
            return [...before, ...early, ...this.value(type, depth - 1)]
          }),
          ...op.end
        ]
        return bytes
      }
      case 4: {
        const condition = this.value(I32, depth - 1)
        const arm = (): number[] => this.inside([type], () => this.value(type, depth - 1))
        return [...condition, ...op.if(type), ...arm(), ...op.else, ...arm(), ...op.end]
      }
      case 5: {
        const local = this.locals.indexOf(type)
        const value = this.value(type, depth - 1)
        this.afterArithmetic = 0
        return local < 0 ? value : [...value, ...op.tee(local)]
      }
      default:
        return this.operation(this.#choice(type), depth)
    }
  }

  #simple(type: number): number[] {
    const random = this.random
    this.afterArithmetic = 0
    const locals = this.locals.flatMap((local, i) => (local === type ? [i] : []))
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
        return op.simd(12, ...this.bytes(16))
    }
  }

  /** Chooses an operation; operations that may trap are rare. */
  #choice(type: number): Choice {
    const choice = this.random.pick(CHOICES.get(type)!)
    const [first] = choice.bytes
    const traps = TRAPPING.some(([from, to]) => first! >= from! && first! <= to!)
    return traps && this.random.chance(0.9) ? this.#choice(type) : choice
  }

  protected operation({ bytes, operation, arithmetic }: Choice, depth: number): number[] {
    const random = this.random
    const { pops, immediate } = operation
    const written: number[] = []
    const onMemory = immediate === 'memory' || immediate === 'memory+lane'
    pops.forEach((type, i) => {
      written.push(...this.value(type, depth - 1))
      if (onMemory && i === 0) {
        this.afterArithmetic = 0
        if (random.chance(0.997)) written.push(...op.i32(MASK - 255), 0x71)
      }
    })
    const after = this.afterArithmetic
    written.push(...bytes)
    if (onMemory) written.push(0, ...u32(random.below(200)))
    if (immediate === 'memory+lane' || immediate === 'lane') written.push(lane(bytes, random))
    if (immediate === 'sixteen') written.push(...this.bytes(16).map(byte => byte & 31))
    let kind = arithmetic
    if (operation.sign && after !== 0 && after === arithmeticOf(operation)) kind = after
    this.afterArithmetic = kind
    if (this.eager && kind !== 0) {
      const scratch = this.locals.length + 6
      written.push(...writeCanonical(operation.pushes[0]!, kind, scratch))
    }
    return written
  }
}
