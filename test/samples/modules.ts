// Modules written by hand, which no compiler makes.

const HEAD = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
const I32 = 0x7f
const I64 = 0x7e

export type Bytes = readonly number[]

export function unsigned(value: number): Bytes {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(Math.floor(value / 128))]
}

function name(text: string): Bytes {
  return [...unsigned(Buffer.byteLength(text)), ...Buffer.from(text)]
}

function vector(items: readonly (Bytes | Buffer)[]): Buffer {
  return Buffer.concat([Buffer.from(unsigned(items.length)), ...items.map(item => Buffer.from(item))])
}

function section(id: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([id, ...unsigned(content.byteLength)]), content])
}

interface Shape {
  imports?: readonly (readonly [module: string, name: string, type: Bytes])[]
  /**
   * Bodies of functions without parameters and results, locals first, without the last `end`. The first one
   * is `_start`.
   */
  bodies?: readonly (Bytes | Buffer)[]
  /** In the binary format, or null for no memory. */
  memory?: Bytes | null
  /** Whether the first function is also the start function. */
  start?: boolean
  exportAs?: string
}

export const NONE: Bytes = [0x60, 0, 0]
export const FD_WRITE: Bytes = [0x60, 4, I32, I32, I32, I32, 1, I32]
export const WRONG_FD_WRITE: Bytes = [0x60, 1, I64, 1, I32]
export const RANDOM_GET: Bytes = [0x60, 2, I32, I32, 1, I32]
export const REFUEL: Bytes = [0x60, 1, I64, 1, I64]

export function moduleOf({
  imports = [],
  bodies = [[0]],
  memory = [0, 1],
  start = false,
  exportAs = '_start'
}: Shape = {}): Buffer {
  const first = imports.length
  const code = bodies.map(body => {
    const whole = Buffer.concat([Buffer.from(body), Buffer.from([0x0b])])
    return Buffer.concat([Buffer.from(unsigned(whole.byteLength)), whole])
  })
  return Buffer.concat([
    Buffer.from(HEAD),
    section(1, vector([NONE, ...imports.map(([, , type]) => type)])),
    section(
      2,
      vector(imports.map(([from, what], i) => [...name(from), ...name(what), 0, ...unsigned(i + 1)]))
    ),
    section(3, vector(bodies.map(() => [0]))),
    ...(memory ? [section(5, vector([memory]))] : []),
    section(
      7,
      vector([[...name(exportAs), 0, ...unsigned(first)], ...(memory ? [[...name('memory'), 2, 0]] : [])])
    ),
    ...(start ? [section(8, Buffer.from(unsigned(first)))] : []),
    section(10, vector(code))
  ])
}

/** `loop br 0 end` */
export const FOREVER: Bytes = [0, 0x03, 0x40, 0x0c, 0, 0x0b]

/** One function of `depth` nested blocks. */
export function nested(depth: number): Buffer {
  const blocks = Buffer.alloc(2 * depth)
  for (let i = 0; i < depth; i++) blocks.set([0x02, 0x40], 2 * i)
  return moduleOf({ bodies: [Buffer.concat([Buffer.from([0]), blocks, Buffer.alloc(depth, 0x0b)])] })
}

/** Functions in which every step needs all earlier ones: slow to compile, and within all limits. */
export function slow(functions: number, steps: number): Buffer {
  // 64 locals; local.get a, local.get b, i64.mul, local.get c, i64.xor, local.set d, then a branch
  const step = (i: number): number[] => {
    const [a, b, c, d] = [i, i * 7 + 3, i * 5 + 1, i * 3 + 2].map(n => n % 64) as [
      number,
      number,
      number,
      number
    ]
    return [0x20, a, 0x20, b, 0x7e, 0x20, c, 0x85, 0x21, d, 0x20, a, 0xa7, 0x04, 0x40, 0x20, b, 0x21, c, 0x0b]
  }
  const body = Buffer.from([1, 64, I64, ...Array.from({ length: steps }, (_, i) => step(i)).flat()])
  return moduleOf({ bodies: Array.from({ length: functions }, () => body) })
}
