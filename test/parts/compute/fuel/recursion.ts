import { assemble, F64, I32, op, V128 } from './assembler.js'

/**
 * A module that calls itself without end with `held` values of a type alive over each call; counts the calls
 * in the first word of memory. With `hidden`, the values are in no local and on no stack, but an engine that
 * merges equal expressions keeps them.
 */
export function recursion(type: number, held: number, hidden = false): Uint8Array<ArrayBuffer> {
  const load = (at: number): number[] =>
    type === V128
      ? [...op.i32(0), ...op.simd(0, 4, ...op.i32Load(16 * at).slice(2))]
      : type === F64
        ? [...op.i32(0), ...op.f64Load(8 * at)]
        : [...op.i32(0), ...op.i32Load(4 * at)]
  const store = (at: number, value: number[]): number[] =>
    type === V128
      ? [...op.i32(0), ...value, ...op.simd(11, 4, ...op.i32Store(16 * at).slice(2))]
      : type === F64
        ? [...op.i32(0), ...value, ...op.f64Store(8 * at)]
        : [...op.i32(0), ...value, ...op.i32Store(4 * at)]
  const each = (write: (i: number) => number[]): number[] =>
    Array.from({ length: held }, (_, i) => write(i)).flat()
  const count = [...op.i32(0), ...op.i32(0), ...op.i32Load(), ...op.i32(1), ...op.i32Add, ...op.i32Store()]
  const widened = type === V128 ? op.simd(17) : type === F64 ? [0xb7] : []
  const merged = (i: number): number[] => [...op.get(0), ...op.i32(i + 3), 0x6c, ...widened]
  const body = hidden
    ? [
        ...count,
        ...each(i => store(i + 4, merged(i))),
        ...op.get(0),
        ...op.i32(1),
        ...op.i32Add,
        ...op.call(0),
        ...each(i => store(i + 5, merged(i)))
      ]
    : [
        ...count,
        ...each(i => [...load(i + 4), ...op.set(i + 1)]),
        ...op.get(0),
        ...op.i32(1),
        ...op.i32Add,
        ...op.call(0),
        ...each(i => store(i + 5, op.get(i + 1)))
      ]
  return assemble({
    functions: [{ params: [I32], locals: hidden ? [] : Array<number>(held).fill(type), body, export: 'run' }],
    memory: [0, 2]
  })
}
