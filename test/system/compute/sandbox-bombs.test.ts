import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Sandbox } from '../../../src/compute/sandbox/sandbox.js'
import type { Outcome } from '../../../src/compute/sandbox/sandbox.js'
import { MIB, isolations, job, program } from '../../parts/compute/jobs.js'
import { MOST_PER_TURN, workPerTurn } from '../../parts/compute/turns.js'
import type { WorkMeter } from '../../parts/compute/turns.js'
import {
  FD_WRITE,
  FOREVER,
  NONE,
  REFUEL,
  WRONG_FD_WRITE,
  moduleOf,
  nested,
  slow
} from '../../samples/modules.js'

const bombs = program('bombs')
const bomb = (what: string, limits = {}) => job(bombs, { args: [what], limits })
const WASI = 'wasi_snapshot_preview1'

interface Bad {
  title: string
  job: ReturnType<typeof job>
  status: Outcome['status']
  limit?: Outcome['limit']
  reason: RegExp
}

const limited: Bad[] = [
  {
    title: 'an endless loop ends at the limit of wall time',
    job: bomb('loop', { wallMs: 500 }),
    status: 'limit',
    limit: 'wall',
    reason: /ran longer than its limit of 500 ms/
  },
  {
    title: 'an endless loop ends at the limit of processor time',
    job: bomb('loop', { cpuMs: 200 }),
    status: 'limit',
    limit: 'cpu',
    reason: /used more processor time than its limit of 200 ms/
  },
  {
    title: 'endless host calls end at the limit of processor time',
    job: bomb('calls', { cpuMs: 200 }),
    status: 'limit',
    limit: 'cpu',
    reason: /processor time/
  },
  {
    title: 'an endless loop ends when its fuel is used up',
    job: { ...bomb('loop'), fuel: 10_000_000n },
    status: 'limit',
    limit: 'fuel',
    reason: /out of fuel: 10000000 used/
  },
  {
    title: 'a program that fills all memory and wants more ends at the limit of memory',
    job: bomb('memory'),
    status: 'limit',
    limit: 'memory',
    reason: /memory is at its limit of 67108864 bytes/
  },
  {
    title: 'a flood of standard output ends at its limit',
    job: bomb('stdout'),
    status: 'limit',
    limit: 'output',
    reason: /standard output would be over its limit of 1048576 bytes/
  },
  {
    title: 'a flood of standard error ends at its limit',
    job: bomb('stderr'),
    status: 'limit',
    limit: 'output',
    reason: /standard error would be over its limit of 65536 bytes/
  },
  {
    title: 'a file that grows without end ends at the limit of output',
    job: bomb('file'),
    status: 'limit',
    limit: 'output',
    reason: /\/out would be over its limit of 8388608 bytes/
  },
  {
    title: 'files deleted while open count until they are closed',
    job: bomb('hidden'),
    status: 'limit',
    limit: 'output',
    reason: /\/out would be over its limit of 8388608 bytes/
  },
  {
    title: 'a byte written a TiB into a file exceeds the limit of output',
    job: bomb('sparse'),
    status: 'limit',
    limit: 'output',
    reason: /\/out would be over/
  },
  {
    title: 'creating files without end stops at the limit of inodes',
    job: bomb('inodes'),
    status: 'limit',
    limit: 'inodes',
    reason: /\/out would be over its limit of 256 files and folders/
  },
  {
    title: 'creating folders without end stops at the limit of inodes',
    job: bomb('folders'),
    status: 'limit',
    limit: 'inodes',
    reason: /256 files and folders/
  },
  {
    title: 'endless recursion traps',
    // call 0
    job: job(moduleOf({ bodies: [[0, 0x10, 0]] })),
    status: 'trap',
    reason: /its calls were too deep/
  },
  {
    title: 'endless recursion of a program with a stack in its memory traps',
    job: bomb('recursion'),
    status: 'trap',
    reason: /its calls were too deep|memory access out of bounds/
  },
  { title: 'a module that traps says so', job: bomb('trap'), status: 'trap', reason: /unreachable/ },
  {
    title: 'a module that compiles for too long ends at the limit of compile time',
    job: job(slow(400, 500), { limits: { compileMs: 300 } }),
    status: 'limit',
    limit: 'module',
    reason: /compiling it took longer than its limit of 300 ms/
  },
  {
    title: 'a module above the size limit is never given to a guest',
    job: job(Buffer.alloc(MIB + 1), { limits: { moduleBytes: MIB } }),
    status: 'limit',
    limit: 'module',
    reason: /larger than its limit of 1048576 bytes/
  },
  {
    title: 'a start function that never ends uses up the fuel',
    job: job(moduleOf({ bodies: [FOREVER], start: true }), { fuel: 1_000_000n }),
    status: 'limit',
    limit: 'fuel',
    reason: /out of fuel/
  }
]

const rejected: Bad[] = [
  {
    title: 'bytes that are not WebAssembly are rejected',
    job: job(Buffer.from('#!/bin/sh\necho hello\n')),
    status: 'rejected',
    reason: /WebAssembly/
  },
  {
    title: 'a damaged module is rejected',
    job: job(bombs.subarray(0, bombs.byteLength - 1000)),
    status: 'rejected',
    reason: /./
  },
  {
    title: 'a module that imports something unknown is rejected, by its name',
    job: job(moduleOf({ imports: [['env', 'host_exec', NONE]] })),
    status: 'rejected',
    reason: /env.*host_exec/
  },
  {
    title: 'a module that imports an unknown call of WASI is rejected, by its name',
    job: job(moduleOf({ imports: [[WASI, 'path_exec', NONE]] })),
    status: 'rejected',
    reason: /path_exec/
  },
  {
    title: 'a module that imports a property of every JavaScript object is rejected',
    job: job(moduleOf({ imports: [[WASI, 'constructor', NONE]] })),
    status: 'rejected',
    reason: /constructor/
  },
  {
    title: 'a module that imports the fuel counter is rejected',
    job: job(moduleOf({ imports: [['bushel', 'refuel', REFUEL]] })),
    status: 'rejected',
    reason: /refuel/
  },
  {
    title: 'a module that needs threads is rejected',
    job: job(moduleOf({ memory: [3, 1, 1] })),
    status: 'rejected',
    reason: /./
  },
  {
    title: 'a module whose initial memory exceeds the limit is rejected',
    job: job(moduleOf({ memory: [0, 0x81, 0x08] })),
    status: 'rejected',
    reason: /memory/
  },
  {
    title: 'blocks a hundred thousand deep are rejected',
    job: job(nested(100_000)),
    status: 'rejected',
    reason: /./
  },
  {
    title: 'a module that is not a WASI command is rejected',
    job: job(moduleOf({ exportAs: 'run' })),
    status: 'rejected',
    reason: /_start/
  },
  {
    title: 'a call of WASI with another signature traps',
    // i64.const 1, call 0, drop
    job: job(
      moduleOf({ imports: [[WASI, 'fd_write', WRONG_FD_WRITE]], bodies: [[0, 0x42, 1, 0x10, 0, 0x1a]] })
    ),
    status: 'trap',
    reason: /fd_write with another signature/
  },
  {
    title: 'a WASI call by a module without memory fails and does no harm',
    // fd_write(1, 0, 1, 0) must be 21 (fault), else unreachable; then unreachable
    job: job(
      moduleOf({
        imports: [[WASI, 'fd_write', FD_WRITE]],
        bodies: [[0, 0x41, 1, 0x41, 0, 0x41, 1, 0x41, 0, 0x10, 0, 0x41, 21, 0x47, 0x04, 0x40, 0x00, 0x0b]],
        memory: null
      })
    ),
    status: 'ok',
    reason: /^$/
  }
]

for (const { isolation, skip } of isolations) {
  describe(`a bad job in isolation '${isolation}'`, { skip }, () => {
    const sandbox = new Sandbox({ isolation, nice: 0 })
    let meter: WorkMeter
    before(async () => {
      await sandbox.ready()
      meter = workPerTurn()
    })
    after(() => sandbox.close())

    for (const { title, job, status, limit = null, reason } of [...limited, ...rejected]) {
      test(title, { timeout: 60_000 }, async () => {
        const outcome = await sandbox.run(job)
        assert.deepEqual([outcome.status, outcome.limit], [status, limit], outcome.reason)
        assert.match(outcome.reason, reason)
        assert.doesNotMatch(outcome.reason, /\n/)
        assert.ok(outcome.stdout.byteLength <= job.limits.stdoutBytes)
        assert.ok(outcome.stderr.byteLength <= job.limits.stderrBytes)
        assert.ok(outcome.files.length <= job.limits.inodes)
      })
    }

    test('output that a module wrote before it trapped is kept', async () => {
      const { status, stdout, files } = await sandbox.run(bomb('some'))
      assert.equal(status, 'trap')
      assert.equal(String(stdout), 'some words\n')
      assert.deepEqual(files, [{ path: 'some', bytes: Buffer.from('some bytes\n') }])
    })

    test('a program that handles a full memory goes on', async () => {
      const { status, exitCode, stdout, peakBytes } = await sandbox.run(bomb('polite'))
      assert.deepEqual([status, exitCode], ['ok', 3])
      assert.ok(Number(String(stdout)) > 50 && Number(String(stdout)) < 64)
      assert.ok(peakBytes > 64 * MIB, 'it filled what it took')
    })

    test('the event loop had a turn at every few MiB during all of this', t => {
      const { most } = meter.stop()
      t.diagnostic(`at most ${most} bytes in one turn of the loop`)
      assert.ok(most <= MOST_PER_TURN, `${most} bytes in one turn of the loop`)
    })
  })
}
