import assert from 'node:assert/strict'
import test from 'node:test'
import { assemble, F64, FUNCREF, I32, op, u32 } from '../../../parts/compute/fuel/assembler.js'
import type { ModuleParts } from '../../../parts/compute/fuel/assembler.js'
import { Guest, guestOf, metered } from '../../../parts/compute/fuel/guest.js'
import type { Memory } from '../../../parts/compute/fuel/guest.js'

// What the dearest instructions are charged, counted. The bench `opcodes` holds the same prices against the time.

/** Fuel of one call of `f` with 0, in a memory of this many pages. */
function used(body: readonly number[], pages: number, parts: Partial<ModuleParts> = {}): number {
  const functions = [{ params: [I32], locals: [I32], body, export: 'f' }, ...(parts.functions ?? [])]
  const bytes = assemble({ memory: [0, ...u32(pages)], ...parts, functions })
  const guest = new Guest(metered(bytes, 65_536).bytes)
  guest.call('f', 0)
  return Number(guest.used)
}

const load = (local: number, offset = 0): number[] => [...op.get(local), ...op.i32Load(offset), ...op.drop]
/** One local at the entry, local.get, and the load itself. */
const PLAIN_LOAD = 1 + 1 + 2

test('a load costs more, the larger the memory is in which it may miss the caches', () => {
  const reaches = [1, 8, 9, 16, 32, 33, 64, 65, 512, 513].map(pages => used(load(0), pages) - PLAIN_LOAD)
  assert.deepEqual(reaches, [0, 0, 8, 8, 24, 128, 128, 192, 192, 256])
  const stored = [...op.get(0), ...op.i32(7), ...op.i32Store()]
  assert.equal(used(stored, 65) - used(stored, 1), 192, 'a store too')
  const lane = [
    ...op.get(0),
    ...op.simd(12, ...Array<number>(16).fill(0)),
    ...op.simd(84, 0, 0, 0),
    ...op.drop
  ]
  assert.equal(used(lane, 65) - used(lane, 1), 192, 'and an access of a vector lane')
})

test('accesses near each other pay once, and only in one segment and from one address', () => {
  const beyond = (body: readonly number[]): number => used(body, 65) - used(body, 1)
  assert.equal(beyond([...load(0), ...load(0, 4), ...load(0, 252)]), 192)
  assert.equal(beyond([...load(0), ...load(0, 256)]), 2 * 192, 'further away')
  assert.equal(beyond([...load(0), ...load(1)]), 2 * 192, 'from another local')
  assert.equal(
    beyond([...load(0), ...op.i32(8), ...op.set(0), ...load(0)]),
    2 * 192,
    'from a local that was set'
  )
  const teed = [...op.i32(8), ...op.tee(0), ...op.i32Load(), ...op.drop, ...load(0)]
  assert.equal(beyond(teed), 192, 'set and loaded at once')
  assert.equal(
    beyond([...op.i32(0), ...op.i32Load(), ...op.i32Load(), ...op.drop]),
    2 * 192,
    'from what was loaded'
  )
  const after = [...load(0), ...op.get(0), ...op.if(), ...op.end, ...op.loop(), ...load(0), ...op.end]
  assert.equal(beyond(after), 2 * 192, 'in a loop of its own')
})

test('memory that grows makes later accesses cost more', () => {
  const grown = (by: number): number =>
    used([...op.i32(by), 0x40, 0, ...op.drop, ...op.loop(), ...load(0), ...op.end], 1)
  const growing = (by: number): number => used([...op.i32(by), 0x40, 0, ...op.drop], 1)
  const loaded = [1, 8, 31, 500].map(by => grown(by) - growing(by) - 1 - 3)
  assert.deepEqual(loaded, [0, 8, 24, 192])
})

test('a memory that grows by nothing, or cannot, is not touched by the engine', () => {
  const guest = guestOf({
    functions: [{ params: [I32], results: [I32], body: [...op.get(0), 0x40, 0], export: 'f' }]
  })
  const { buffer } = guest.exports.memory as Memory
  assert.equal(guest.call('f', 0), 1)
  assert.equal(guest.call('f', 5000), -1)
  assert.equal((guest.exports.memory as Memory).buffer, buffer, 'the engine made no new buffer')
  assert.equal(guest.used, 2n * 65n)
  guest.call('f', 1)
  assert.notEqual((guest.exports.memory as Memory).buffer, buffer)
  assert.equal(guest.used, 3n * 65n + 65_536n + 2n * 512n, 'a page, and the two that it then holds')
})

test('instructions on tables and memory have a price of their own, whatever their length', () => {
  const tables = [[FUNCREF, 0, 10]]
  const nothing = [...op.i32(0), ...op.i32(0), ...op.i32(0)]
  const null0 = [0xd0, FUNCREF]
  assert.equal(used([...nothing, ...op.bulk(11, 0)], 1), 1 + 3 + 256, 'memory.fill')
  assert.equal(used([...nothing, ...op.bulk(10, 0, 0)], 1), 1 + 3 + 256, 'memory.copy')
  assert.equal(used([...nothing, ...op.bulk(8, 0, 0)], 1, { data: [[1, 1, 0]] }), 1 + 3 + 256, 'memory.init')
  assert.equal(used([...nothing, ...op.bulk(14, 0, 0)], 1, { tables }), 1 + 3 + 128, 'table.copy')
  assert.equal(
    used([...op.i32(0), ...null0, ...op.i32(0), ...op.bulk(17, 0)], 1, { tables }),
    1 + 3 + 128,
    'table.fill'
  )
  assert.equal(
    used([...null0, ...op.i32(0), ...op.bulk(15, 0), ...op.drop], 1, { tables }),
    1 + 2 + 128,
    'table.grow'
  )
  assert.equal(used([...op.i32(0), ...null0, 0x26, 0], 1, { tables }), 1 + 2 + 128, 'table.set')
  assert.equal(used([...op.i32(0), 0x25, 0, ...op.drop], 1, { tables }), 1 + 1 + 12, 'table.get')
})

test('calls cost more in a module with more code', () => {
  const nothing = { params: [], results: [], body: [] }
  const calling = (fill: number): number => {
    const long = { ...nothing, body: Array.from({ length: fill }, () => [...op.f64(1.5), ...op.drop]).flat() }
    const functions = [nothing, ...Array<typeof long>(5).fill(long)]
    return used(op.call(1), 1, { functions })
  }
  assert.equal(calling(1), 1 + 8)
  assert.equal(calling(10_000), 1 + 8 + 32, '500 KB of code')
  assert.equal(calling(30_000), 1 + 8 + 128, '1.5 MB of code')
})

test('a program pays for what it begins with: pages, data and tables', () => {
  const beginning = (parts: Partial<ModuleParts>): number =>
    Number(metered(assemble({ functions: [{ params: [F64], body: [] }], ...parts })).beginning)
  assert.equal(beginning({}), 0)
  assert.equal(beginning({ memory: [0, 3] }), 3 * 65_536)
  assert.equal(beginning({ memory: [0, 1], data: [[1, 16, ...Array<number>(16).fill(1)]] }), 65_536 + 2)
  assert.equal(beginning({ tables: [[FUNCREF, 0, 10]] }), 10 * 128)
  assert.equal(beginning({ tables: [[FUNCREF, 0, 1]], elements: [[0, ...op.i32(0), 0x0b, 1, 0]] }), 2 * 128)
})
