import { I32, I64, op } from '../../../test/parts/compute/fuel/assembler.js'
import { pages, programOf, repeated } from './loops.js'
import type { Priced } from './loops.js'

// Calls of the host. Function 0 is the imported one.

type Argument = number | bigint

function calls(name: string, times: number, args: readonly Argument[], before: number[] = []): Uint8Array {
  const values = args.flatMap(arg => (typeof arg === 'bigint' ? op.i64(arg) : op.i32(arg)))
  return programOf(times, repeated(8, [...values, ...op.call(0), ...op.drop]), {
    memory: pages(64),
    before,
    imports: [
      {
        module: 'wasi_snapshot_preview1',
        name,
        params: args.map(arg => (typeof arg === 'bigint' ? I64 : I32)),
        results: [I32]
      }
    ]
  })
}

/** Writes 1024 parts of one byte each at address 0. */
const parts = Array.from({ length: 1024 }, (_, i) => [
  ...op.i32(8 * i),
  ...op.i32(1 << 20),
  ...op.i32Store(),
  ...op.i32(8 * i + 4),
  ...op.i32(0),
  ...op.i32Store()
]).flat()
/** Writes the path `/out/a/b/c` at 65536. */
const path = Buffer.from('a/b/c/d/e/f/g/h/../i/../j/../../../k')
const written = [...path].flatMap((byte, i) => [...op.i32(65_536 + i), ...op.i32(byte), 0x3a, 0, 0])

const cases: [string, number, readonly Argument[], number[]?][] = [
  ['sched_yield', 20_000, []],
  ['clock_time_get', 20_000, [0, 0n, 8]],
  ['fd_prestat_get', 20_000, [99, 8]],
  ['fd_fdstat_get', 20_000, [1, 8]],
  ['fd_filestat_get', 20_000, [1, 8]],
  ['fd_seek', 20_000, [1, 0n, 0, 8]],
  ['fd_read', 20_000, [0, 0, 1, 8]],
  ['fd_read', 500, [0, 0, 1024, 1 << 21], parts],
  ['fd_write', 20_000, [1, 0, 1, 8]],
  ['fd_write', 500, [1, 0, 1024, 1 << 21], parts],
  ['fd_readdir', 20_000, [3, 0, 64, 0n, 8]],
  ['random_get', 20_000, [0, 1]],
  ['random_get', 50, [0, 1 << 20]],
  ['args_sizes_get', 20_000, [0, 8]],
  ['poll_oneoff', 20_000, [0, 65_536, 1, 8]],
  ['poll_oneoff', 100, [0, 65_536, 1024, 8]],
  ['path_filestat_get', 20_000, [4, 0, 65_536, path.length, 8], written],
  ['path_open', 20_000, [4, 0, 65_536, path.length, 0, 0n, 0n, 0, 8], written],
  ['path_create_directory', 20_000, [4, 65_536, path.length], written],
  ['fd_renumber', 20_000, [1, 1]],
  ['fd_close', 20_000, [99]]
]

export const HOST_PRICES: Priced[] = cases.map(([name, times, args, before]) => ({
  name: `${name}(${args.join(', ')})`,
  module: () => calls(name, times, args, before)
}))
