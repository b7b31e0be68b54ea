import assert from 'node:assert/strict'
import test from 'node:test'
import { PLAIN, SATURATING, VECTOR } from '../../../../src/compute/fuel/wasm/opcodes.js'
import { NAMES } from '../../../../src/compute/fuel/meter.js'
import { assemble, FUNCREF, I32, op } from '../../../parts/compute/fuel/assembler.js'
import { engine, Guest, guestOf, metered, outcome } from '../../../parts/compute/fuel/guest.js'
import type { Global } from '../../../parts/compute/fuel/guest.js'

/** Fuel of one call. */
function cost(parts: Parameters<typeof assemble>[0], ...args: (number | bigint)[]): number {
  const one = guestOf(parts)
  one.call('f', ...args)
  return Number(one.used)
}

test('fuel is the sum of the cost table over exactly the instructions that ran', () => {
  const body = [
    ...op.get(0), // 1
    ...op.if(), // 1
    ...op.i32(8), // 1
    ...op.i32(5), // 1
    ...op.i32Store(), // 2
    ...op.else,
    ...op.i64(9n), // 1
    ...op.i64(2n), // 1
    0x7f, // 12
    ...op.drop,
    ...op.end,
    ...op.nop,
    ...op.i32(1), // 1
    ...op.drop
  ]
  const parts = { functions: [{ params: [I32], locals: [I32, I32, I32, I32, I32], body, export: 'f' }] }
  // 2 for five locals on entry
  assert.equal(cost(parts, 1), 2 + 2 + 4 + 1)
  assert.equal(cost(parts, 0), 2 + 2 + 14 + 1)
})

test('the cost tables cover every instruction of the standard', () => {
  const missing = (table: readonly unknown[], from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i).filter(number => table[number] === undefined)
  assert.deepEqual(missing(PLAIN, 0x28, 0xc4), [0x3f, 0x40], 'but size and growth of memory')
  assert.deepEqual(missing(SATURATING, 0, 7), [])
  const reserved = [
    154, 162, 165, 166, 175, 176, 178, 179, 180, 187, 194, 197, 198, 207, 208, 210, 211, 212, 226, 238
  ]
  assert.deepEqual(missing(VECTOR, 0, 255), reserved)
})

test('a loop is charged for each iteration, and code after a branch only when it runs', () => {
  const body = [
    ...op.block(),
    ...op.loop(), // 1
    ...op.get(0), // 1
    0x45, // 1
    ...op.brIf(1), // 1
    ...op.get(0), // 1
    ...op.i32(1), // 1
    ...op.i32Sub, // 1
    ...op.set(0), // 1
    ...op.br(0),
    ...op.end,
    ...op.end,
    ...op.i64(0n), // 1
    ...op.drop
  ]
  const parts = { functions: [{ params: [I32], body, export: 'f' }] }
  for (const rounds of [0, 1, 7, 1000]) assert.equal(cost(parts, rounds), rounds * 8 + 4 + 1)
})

test('a loop that leaves with a value or continues from an inner loop is charged the same', () => {
  // counts down in an inner loop that jumps to the head of the outer one, and leaves both with a value
  const body = [
    ...op.block(I32),
    ...op.loop(), // 1
    ...op.loop(), // 1
    ...op.i32(42), // 1
    ...op.get(0), // 1
    0x45, // 1
    ...op.brIf(2), // 1
    ...op.drop,
    ...op.get(0), // 1
    ...op.i32(1), // 1
    ...op.i32Sub, // 1
    ...op.tee(0), // 1
    ...op.i32(1), // 1
    0x71, // 1
    ...op.brIf(0), // 1
    ...op.br(1),
    ...op.end,
    ...op.end,
    ...op.unreachable,
    ...op.end
  ]
  const parts = { functions: [{ params: [I32], results: [I32], body, export: 'f' }] }
  const once = guestOf(parts)
  assert.equal(once.call('f', 5), 42)
  // 5 iterations of 5 + 7, a last one of 5, and the outer head once, and again after 4, 2 and 0
  assert.equal(Number(once.used), 5 * 12 + 5 + 4)
})

test('a guest requests the missing fuel when its counter is below zero, and traps when it is not granted', () => {
  const parts = {
    functions: [{ params: [I32], body: [...op.loop(), ...op.get(0), ...op.brIf(0), ...op.end], export: 'f' }]
  }
  const endless = guestOf(parts, { most: 1000n, portion: 100n })
  assert.match(outcome(endless, 'f', 1), /^trapped: unreachable/)
  assert.equal(endless.granted, 1000n)
  assert.ok(endless.asked >= 9 && endless.asked <= 11, `${endless.asked} times`)
  assert.ok(endless.used > 1000n && endless.used < 1010n)

  const recursive = guestOf(
    { functions: [{ body: op.call(0), export: 'f' }] },
    { most: 1000n, portion: 100n }
  )
  assert.match(outcome(recursive, 'f'), /^trapped: unreachable/)
  assert.ok(recursive.used > 1000n && recursive.used < 1010n, 'a recursion without a loop asks too')

  const wanted: bigint[] = []
  const module = new engine.Module(metered(assemble(parts)).bytes)
  const refuel = (missing: bigint): bigint => {
    wanted.push(missing)
    throw new RangeError('no more')
  }
  const { exports } = new engine.Instance(module, { [NAMES.module]: { [NAMES.refuel]: refuel } })
  assert.throws(() => (exports.f as (n: number) => void)(1), /no more/, 'the host may throw instead')
  assert.equal(wanted.length, 1)
  assert.ok(wanted[0]! > 0n)
})

test('fuel that the host deducts is requested too', () => {
  const one = guestOf({
    functions: [
      { params: [I32], body: [...op.loop(), ...op.get(0), 0x45, ...op.brIf(0), ...op.end], export: 'f' }
    ]
  })
  one.call('f', 1)
  const before = one.used
  const fuel = one.exports[NAMES.fuel] as { value: bigint }
  fuel.value -= 5_000_000n
  one.call('f', 1)
  assert.ok(one.used > before + 5_000_000n)
  assert.ok(fuel.value > 0n)
})

test('bulk instructions are charged by length before they run', () => {
  const fill = [...op.i32(0), ...op.i32(7), ...op.get(0), ...op.bulk(11, 0)]
  const parts = { functions: [{ params: [I32], body: fill, export: 'f' }] }
  assert.equal(cost(parts, 64_000) - cost(parts, 0), 8000)
  const copy = [...op.i32(0), ...op.i32(0), ...op.get(0), ...op.bulk(10, 0, 0)]
  const copying = { functions: [{ params: [I32], body: copy, export: 'f' }] }
  assert.equal(cost(copying, 16_000) - cost(copying, 0), 2000)
  const init = [...op.i32(0), ...op.i32(0), ...op.get(0), ...op.bulk(8, 0, 0)]
  const data = [[1, 100, ...Array<number>(100).fill(1)]]
  const initialising = { functions: [{ params: [I32], body: init, export: 'f' }], data }
  assert.equal(cost(initialising, 96) - cost(initialising, 0), 12)

  const poor = guestOf(parts, { most: 500n, portion: 0n })
  assert.match(outcome(poor, 'f', 64_000), /unreachable/)
  assert.equal(poor.memory[0], 0, 'nothing was filled')
})

test('table instructions are charged by length', () => {
  const tables = [[FUNCREF, 0, 50]]
  const elements = [[1, 0, 40, ...Array<number>(40).fill(0)]]
  const of = (body: number[]): Parameters<typeof assemble>[0] => ({
    tables,
    elements,
    functions: [{ params: [I32], body, export: 'f' }]
  })
  for (const body of [
    [...op.i32(0), 0xd0, FUNCREF, ...op.get(0), ...op.bulk(17, 0)],
    [...op.i32(0), ...op.i32(0), ...op.get(0), ...op.bulk(14, 0, 0)],
    [...op.i32(0), ...op.i32(0), ...op.get(0), ...op.bulk(12, 0, 0)],
    [0xd0, FUNCREF, ...op.get(0), ...op.bulk(15, 0), ...op.drop]
  ])
    assert.equal(cost(of(body), 30) - cost(of(body), 0), 30 * 128)
})

test('memory grows to the bound, is charged by the page, and fails to grow beyond it', () => {
  const bytes = assemble({
    functions: [{ params: [I32], results: [I32], body: [...op.get(0), 0x40, 0], export: 'f' }],
    memory: [1, 1, ...[0x80, 0x80, 0x04]]
  })
  const one = new Guest(metered(bytes, 10).bytes)
  assert.equal(one.call('f', 0), 1)
  const before = one.used
  assert.equal(one.call('f', 9), 1)
  assert.equal(one.used - before, 9n * 65_536n + 10n * 512n + 65n)
  assert.equal(one.memory.length, 10 * 65_536)
  assert.equal(one.call('f', 1), -1)
  assert.equal(one.call('f', -1), -1)
  assert.equal(one.memory.length, 10 * 65_536)
})

test('a start function becomes a metered export', () => {
  const bytes = assemble({
    functions: [{ body: [...op.i32(0), ...op.i32(9), ...op.i32Store()] }],
    memory: [0, 1],
    start: 0
  })
  const module = metered(bytes)
  assert.equal(module.hasStart, true)
  const one = new Guest(module.bytes)
  assert.equal(one.memory[0], 0, 'not run at instantiation')
  assert.equal(one.used, 0n)
  one.call(NAMES.start)
  assert.equal(one.memory[0], 9)
  assert.equal(one.used, 4n)
})

test('functions keep their indices in calls, tables, references and globals', () => {
  const bytes = assemble({
    imports: [{ module: 'wasi_snapshot_preview1', name: 'host', params: [I32], results: [I32] }],
    functions: [
      { params: [I32], results: [I32], body: [...op.get(0), ...op.i32(10), ...op.i32Add] },
      { params: [I32], results: [I32], body: [...op.get(0), ...op.call(1), ...op.call(0)], export: 'both' },
      {
        params: [I32, I32],
        results: [I32],
        body: [...op.get(0), ...op.get(1), ...op.callIndirect(0)],
        export: 'table'
      }
    ],
    tables: [[FUNCREF, 0, 4]],
    globals: [{ type: FUNCREF, init: [0xd2, 1], export: 'reference' }],
    elements: [[0, ...op.i32(0), 0x0b, 3, 0, 1, 2]]
  })
  const one = new Guest(metered(bytes).bytes, { host: n => Number(n) * 2 })
  assert.equal(one.call('both', 1), 22)
  assert.equal(one.call('table', 5, 0), 10)
  assert.equal(one.call('table', 5, 1), 15)
  assert.equal(one.call('table', 5, 2), 30)
  const reference = (one.exports.reference as Global).value as unknown as (n: number) => number
  assert.equal(reference(1), 11)
})
