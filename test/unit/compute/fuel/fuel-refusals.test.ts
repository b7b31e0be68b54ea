import assert from 'node:assert/strict'
import test from 'node:test'
import { isValid } from '../../../../src/compute/fuel/engine.js'
import { LIMIT } from '../../../../src/compute/fuel/limits.js'
import { meter, ModuleRefused } from '../../../../src/compute/fuel/meter.js'
import {
  assemble,
  END,
  FUNCREF,
  HEADER,
  I32,
  I64,
  name,
  op,
  section,
  u32,
  vector
} from '../../../parts/compute/fuel/assembler.js'
import { metered } from '../../../parts/compute/fuel/guest.js'

function refusal(
  bytes: Uint8Array,
  options: { maxPages: number; maxModuleBytes?: number } = { maxPages: 16 }
): string {
  try {
    meter(bytes, options)
  } catch (error) {
    assert.ok(error instanceof ModuleRefused, String(error))
    assert.ok(!error.message.includes('\n'))
    return error.message
  }
  return 'nothing'
}

/** A module with one function of this body. */
function holding(...body: number[]): Uint8Array {
  return holdingAll(body)
}

function holdingAll(body: readonly number[]): Uint8Array {
  return assemble({ functions: [{ body }], memory: [0, 1] })
}

function raw(...sections: number[][]): Uint8Array {
  return Uint8Array.from([...HEADER, ...sections.flat()])
}

function importing(module: string, field: string, ...kind: number[]): Uint8Array {
  return raw(
    section(1, vector([[0x60, 0, 0]])),
    section(2, vector([[...name(module), ...name(field), ...kind]]))
  )
}

const dropped = (...bytes: number[]): Uint8Array => holding(...bytes, ...op.drop)
const zeros = op.simd(12, ...Array<number>(16).fill(0))

test('each unmetered feature is refused by its name', () => {
  const refused: [RegExp, Uint8Array][] = [
    [/threads \(shared memory\)/, assemble({ functions: [], memory: [3, 1, 2] })],
    [/threads \(atomic/, dropped(...op.i32(0), 0xfe, 0x10, 2, 0)],
    [/garbage collection/, raw(section(1, vector([[0x5f, 0]])))],
    [/garbage collection/, holding(0xfb, 0x00, 0)],
    [/garbage collection/, raw(section(1, vector([[0x60, 1, 0x64, 0x70, 0]])))],
    [/exceptions/, raw(section(1, vector([[0x60, 0, 0]])), section(13, vector([[0, 0]])))],
    [/exceptions/, holding(0x06, 0x40, END)],
    [/exceptions/, holding(0x1f, 0x40, 0, END)],
    [/relaxed SIMD/, dropped(...zeros, ...zeros, ...op.simd(256))],
    [/memory64/, assemble({ functions: [], memory: [4, 1] })],
    [
      /more than one memory/,
      raw(
        section(
          5,
          vector([
            [0, 1],
            [0, 1]
          ])
        )
      )
    ],
    [/more than one memory/, dropped(...op.i32(0), 0x28, 0x42, 1, 0)],
    [/tail calls/, holding(0x12, 0)],
    [
      /tail calls/,
      assemble({ functions: [{ body: [...op.i32(0), 0x13, 0, 0] }], tables: [[FUNCREF, 0, 1]] })
    ],
    [/typed function references/, holding(0x14, 0)],
    [/imports a memory/, importing('wasi_snapshot_preview1', 'm', 2, 0, 1)],
    [/imports a table/, importing('wasi_snapshot_preview1', 't', 1, FUNCREF, 0, 1)],
    [/imports a global/, importing('wasi_snapshot_preview1', 'g', 3, I32, 0)],
    [/imports "env" "f", which is not part of wasi_snapshot_preview1/, importing('env', 'f', 0, 0)],
    [/imports a name that is reserved/, importing('bushel', 'refuel', 0, 0)],
    [/imports a name that is reserved/, importing('wasi_snapshot_preview1', '__bushel_x', 0, 0)],
    [/exports a name that is reserved/, assemble({ functions: [{ body: [], export: '__bushel_fuel' }] })],
    [
      /extended constant/,
      assemble({ functions: [], globals: [{ type: I32, init: [...op.i32(1), ...op.i32(1), 0x6a] }] })
    ],
    [/17 pages of memory, more than 16/, assemble({ functions: [], memory: [0, 17] })],
    [/a table of 100001 elements/, assemble({ functions: [], tables: [[FUNCREF, 0, ...u32(100_001)]] })],
    [/not a WebAssembly module/, new Uint8Array(0)],
    [/not a WebAssembly module/, Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0)],
    [/not a valid WebAssembly module/, dropped()],
    // one more global than the module has: it would be the added fuel global
    [/not a valid WebAssembly module/, holding(...op.i64(1n << 60n), ...op.globalSet(0))],
    [/not a valid WebAssembly module/, holding(...op.call(1))]
  ]
  for (const [why, bytes] of refused) assert.match(refusal(bytes), why)
})

test('a module of a hundred thousand data segments is metered, as Go programs have tens of thousands', () => {
  const data = Array<number[]>(100_000).fill([1, 1, 0])
  assert.ok(metered(assemble({ functions: [], memory: [0, 1], data })).bytes.length > 300_000)
})

test('modules that are heavy to compile are refused', () => {
  const many = <T>(count: number, entry: T): T[] => Array<T>(count + 1).fill(entry)
  const nested = (depth: number): number[] => [...many(depth - 1, op.block()).flat(), ...many(depth - 1, END)]
  const refused: [RegExp, Uint8Array][] = [
    [/types, more than/, assemble({ types: many(LIMIT.types, {}), functions: [] })],
    [
      /parameters or results, more than/,
      assemble({ types: [{ params: many(LIMIT.params, I32) }], functions: [] })
    ],
    [
      /functions, more than/,
      raw(
        section(1, vector([[0x60, 0, 0]])),
        section(3, vector(many(LIMIT.functions, [0]))),
        section(10, vector(many(LIMIT.functions, [2, 0, END])))
      )
    ],
    [
      /globals, more than/,
      assemble({ functions: [], globals: many(LIMIT.globals, { type: I32, init: op.i32(0) }) })
    ],
    [/tables, more than/, assemble({ functions: [], tables: many(LIMIT.tables, [FUNCREF, 0, 1]) })],
    [
      /data segments, more than/,
      assemble({ functions: [], memory: [0, 1], data: many(LIMIT.segments, [1, 0]) })
    ],
    [/element segments, more than/, assemble({ functions: [], elements: many(LIMIT.segments, [1, 0, 0]) })],
    [/a function of \d+ bytes, more than/, holdingAll(many(LIMIT.bodyBytes, 0x01))],
    [
      /a function with more than 8192 locals/,
      raw(
        section(1, vector([[0x60, 0, 0]])),
        section(3, vector([[0]])),
        section(10, vector([[...u32(8), ...vector([[...u32(2 ** 31), I64]]), END]]))
      )
    ],
    [/too many loops in one function/, holdingAll(many(4096, [...op.loop(), ...op.end]).flat())],
    [/blocks nested deeper than/, holdingAll(nested(LIMIT.nesting))],
    [
      /too many locals at too many branches/,
      assemble({
        functions: [
          {
            locals: Array<number>(8000).fill(I32),
            body: Array<number[]>(40_000)
              .fill([...op.i32(0), ...op.brIf(0)])
              .flat()
          }
        ]
      })
    ],
    [/a module of 50 bytes, more than 49/, new Uint8Array(50)]
  ]
  for (const [why, bytes] of refused)
    assert.match(refusal(bytes, { maxPages: 16, maxModuleBytes: bytes.length === 50 ? 49 : 2 ** 24 }), why)
  assert.equal(refusal(holdingAll(nested(LIMIT.nesting - 1))), 'nothing', 'what just fits is taken')
})

test('a program with as many data segments as the compiler of Go makes is taken whole', () => {
  const words = 50_000
  const data = Array.from({ length: words }, (_, i) => [0, ...op.i32(4 * i), END, 4, i & 0xff, 1, 2, 3])
  const body = [...op.i32(4 * (words - 1)), 0x28, 0, 0, ...op.drop]
  const module = assemble({ functions: [{ body, export: '_start' }], memory: [0, 16], data })
  const { bytes, beginning } = metered(module, 16)
  assert.ok(isValid(bytes))
  assert.ok(bytes.length < module.length + 4096)
  assert.ok(beginning >= BigInt(4 * words), 'its segments are paid for')
})

test('custom sections are left out', () => {
  const plain = assemble({ functions: [{ body: op.nop, export: 'f' }] })
  const named = Uint8Array.from([...plain, ...section(0, [...name('note'), ...Array<number>(500).fill(1)])])
  assert.ok(isValid(named))
  assert.deepEqual(metered(named).bytes, metered(plain).bytes)
})
