import assert from 'node:assert/strict'
import test from 'node:test'
import { run } from '../../../../src/compute/guest/run.js'
import { I32, op } from '../../../parts/compute/fuel/assembler.js'
import { FD_WRITE, moduleOf } from '../../../samples/modules.js'

const FD_CLOSE = [0x60, 1, I32, 1, I32]

/** Fuel of a program that calls one host function once, beside a program that does not. */
function priceOf(name: string, type: readonly number[], args: readonly number[]): number {
  const call = [...args.flatMap(op.i32), ...op.call(0), ...op.drop]
  const used = (body: readonly number[]): bigint => {
    const { ending, fuel } = run(
      {
        header: {
          ...{ args: ['program'], module: 0, stdin: 0, files: [], seed: '00'.repeat(32) },
          ...{ fuel: '1000000000', maxPages: 16, inodes: 16 },
          ...{ stdoutBytes: 1000, stderrBytes: 1000, outputBytes: 1000 }
        },
        module: moduleOf({ imports: [['wasi_snapshot_preview1', name, type]], bodies: [[0, ...body]] }),
        stdin: Buffer.alloc(0),
        files: []
      },
      () => {}
    )
    assert.equal(ending.status, 'ok', ending.reason)
    return fuel
  }
  return Number(used(call) - used([])) - args.length - 8
}

test('a host call is charged, one that is refused more, and so is everything that it looks at', () => {
  assert.equal(priceOf('fd_write', FD_WRITE, [1, 0, 0, 8]), 8192)
  assert.equal(priceOf('fd_close', FD_CLOSE, [99]), 2 * 8192)
  assert.equal(priceOf('fd_write', FD_WRITE, [1, 16, 1024, 8]), 8192 + 1024 * 1024, 'empty parts, too')
  assert.equal(priceOf('poll_oneoff', FD_WRITE, [0, 4096, 16, 8]), 8192 + 16 * 1024)
})

test('a program pays for the memory that it begins with', () => {
  const used = (pages: number): bigint =>
    run(
      {
        header: {
          ...{ args: ['program'], module: 0, stdin: 0, files: [], seed: '00'.repeat(32) },
          ...{ fuel: '1000000000', maxPages: 16, inodes: 16 },
          ...{ stdoutBytes: 1000, stderrBytes: 1000, outputBytes: 1000 }
        },
        module: moduleOf({ memory: [0, pages] }),
        stdin: Buffer.alloc(0),
        files: []
      },
      () => {}
    ).fuel
  assert.equal(used(16) - used(1), 15n * 65_536n)
})
