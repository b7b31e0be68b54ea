import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { BushelError } from '../../../../contracts/errors/error.js'
import { HOUR } from '../../../../contracts/money/quantity.js'
import { HOST_COST } from '../../../../src/compute/fuel/meter.js'
import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import type { SandboxFile, Outcome } from '../../../../src/compute/sandbox/sandbox.js'
import { guests, ownNamespaces } from './guest-processes.js'
import { MIB, PLENTY, isolations, job, program, programs } from '../../../parts/compute/jobs.js'
import { MOST_PER_TURN, workPerTurn } from '../../../parts/compute/turns.js'
import { RANDOM_GET, moduleOf, unsigned } from '../../../samples/modules.js'

const run = promisify(execFile)
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')

/** The hash of an outcome, computed again from its contents. */
function hashOf({ files, stdout }: Pick<Outcome, 'files' | 'stdout'>): string {
  return (
    sha256(files.map(({ path, bytes }) => `${path}\0${bytes.byteLength}\0${sha256(bytes)}\n`).join('')) +
    sha256(stdout)
  )
}

const given: SandboxFile[] = [
  { path: 'deep/given.bin', bytes: Buffer.alloc(300_000, 'bushel ') },
  { path: 'given', bytes: Buffer.from('given\n') }
]
const files = () => job(program('files'), { files: given, stdin: Buffer.from('from standard input\n') })
const work = (more = {}) => job(program('work'), { args: ['2000'], ...more })

for (const { isolation, skip } of isolations) {
  describe(`the sandbox in isolation '${isolation}'`, { skip }, () => {
    const sandbox = new Sandbox({ isolation, nice: 0 })
    after(() => sandbox.close())

    test('a program finds its inputs under /in and leaves its results under /out', async () => {
      const outcome = await sandbox.run(files())
      assert.equal(String(outcome.stderr), '')
      assert.deepEqual([outcome.status, outcome.limit, outcome.reason, outcome.exitCode], ['ok', null, '', 0])
      assert.deepEqual(
        outcome.files.map(({ path, bytes }) => [path, bytes.byteLength]),
        [
          ['B', 0],
          ['a', 0],
          ['kept.bin', 300_000],
          ['kept.txt', 10],
          ['z', 0],
          ['ä', 0]
        ]
      )
      assert.ok(outcome.files[2]!.bytes.equals(given[0]!.bytes))
      assert.equal(String(outcome.stdout), 'from standard input\n.\n..\nB\na\nkept.bin\nkept.txt\nz\nä\n')
      assert.equal(outcome.hash, hashOf(outcome))
      assert.equal(sandbox.isolation, isolation)
    })

    test('a program that exits with a code is not a sandbox failure', async () => {
      const { status, exitCode } = await sandbox.run(job(program('bombs'), { args: ['exit'] }))
      assert.deepEqual([status, exitCode], ['ok', 7])
    })

    test('a program that probes for the host finds nothing of it', async () => {
      const probe = job(program('probe'), { files: given })
      const outcome = await sandbox.run(probe)
      const lines = String(outcome.stdout).trim().split('\n')
      assert.equal(lines.filter(line => line.startsWith('open /') && line.endsWith(': opened')).length, 0)
      assert.equal(lines.filter(line => / \.?\.?\/?etc\/passwd: /.test(line)).length, 3)
      for (const expected of [
        'list /: Capabilities insufficient',
        'list /in: . .. deep given',
        'list /out: . ..',
        'environment: 0',
        'symlink: Not supported',
        'write in: Read-only file system',
        'clock: 1704067200, 3600 s later'
      ]) {
        assert.ok(lines.includes(expected), `${expected}\n${lines.join('\n')}`)
      }
      assert.deepEqual(
        lines.filter(line => line.startsWith('open already')),
        [0, 1, 2, 3, 4].map(fd => `open already: ${fd}`)
      )
      assert.ok(!lines.some(line => line.startsWith('sent')), 'no socket')
      assert.equal(
        (await sandbox.run(probe)).hash,
        outcome.hash,
        'the clock and randomness are the same again'
      )
    })

    test('a job finds nothing that an earlier job left', async () => {
      await sandbox.run(files())
      const { stdout } = await sandbox.run(job(program('probe')))
      assert.match(String(stdout), /^list \/in: \. \.\.$\n^list \/out: \. \.\.$/m)
    })

    test('fuel is requested when it is used up, and the wait does not count as running time', async t => {
      const whole = await sandbox.run(work())
      const asked: bigint[] = []
      let granted = 1_000_000n
      let ahead = 0
      const now = performance.now.bind(performance)
      t.mock.method(performance, 'now', () => now() + ahead)
      const segments = await sandbox.run(work({ fuel: granted }), {
        refuel: async (used, missing) => {
          assert.equal(used, granted, 'all that was granted is used')
          assert.ok(missing > 0n)
          asked.push(used)
          await Promise.resolve()
          ahead += HOUR
          granted += 3_000_000n
          return 3_000_000n
        }
      })
      assert.ok(asked.length >= 3)
      assert.equal(segments.status, 'ok')
      assert.deepEqual([segments.hash, segments.fuel], [whole.hash, whole.fuel])
      assert.ok(segments.wallMs < HOUR, `${segments.wallMs} ms`)
    })

    test('a run that gets no more fuel stops at the limit of fuel', async () => {
      const { fuel } = await sandbox.run(work())
      const short = await sandbox.run(work({ fuel: fuel - 1n }), { refuel: () => Promise.resolve(null) })
      assert.deepEqual([short.status, short.limit, short.fuel], ['limit', 'fuel', fuel - 1n])
      assert.equal((await sandbox.run(work({ fuel }))).status, 'ok', 'and with just enough it ends')
    })

    test('a failed fuel request ends the run with its error', async () => {
      const unpaid = new Error('not paid')
      await assert.rejects(sandbox.run(work({ fuel: 0n }), { refuel: () => Promise.reject(unpaid) }), unpaid)
    })

    test(
      'a guest has no privileges and the lowest priority',
      { skip: process.platform !== 'linux' },
      async () => {
        const meek = new Sandbox({ isolation, warm: 0 })
        try {
          await meek.run(work({ fuel: 0n }), {
            refuel: async () => {
              const [guest, ...others] = (await guests()).filter(({ stat }) => stat[16] === '19')
              assert.ok(guest && others.length === 0)
              assert.match(guest.status, /^NoNewPrivs:\s+1$/m)
              for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb']) {
                if (set === 'CapBnd' && isolation === 'process' && process.getuid!() !== 0) continue
                assert.match(guest.status, new RegExp(`^${set}:\\s+0+$`, 'm'))
              }
              assert.match(await readFile(`/proc/${guest.pid}/environ`, 'latin1'), /^(PWD=\/\0)?$/)
              if (isolation === 'bwrap')
                assert.deepEqual(await ownNamespaces(guest.pid), ['net', 'pid', 'mnt', 'ipc', 'user'])
              return null
            }
          })
        } finally {
          await meek.close()
        }
      }
    )

    test('an aborted run ends at once with the reason', async () => {
      const controller = new AbortController()
      const waiting = new Sandbox({ isolation, warm: 0, nice: 0 })
      try {
        const reason = new Error('not wanted any more')
        const looping = waiting.run(job(program('bombs'), { args: ['loop'], fuel: 1000n }), {
          signal: controller.signal,
          refuel: async () => {
            setImmediate(() => controller.abort(reason))
            return PLENTY
          }
        })
        await assert.rejects(looping, reason)
      } finally {
        await waiting.close()
      }
    })

    test('closing ends running jobs with a reason and leaves no process', async () => {
      const closing = new Sandbox({ isolation, nice: 17, warm: 2 })
      const looping = closing.run(job(program('bombs'), { args: ['loop'], fuel: 1000n }), {
        refuel: async () => {
          setImmediate(() => void closing.close())
          return PLENTY
        }
      })
      await assert.rejects(looping, (error: BushelError) => error.code === 'CLOSED')
      await closing.close()
      if (process.platform === 'linux') {
        assert.deepEqual(
          (await guests()).filter(({ stat }) => stat[16] === '17'),
          []
        )
      }
    })

    test('the node stays responsive while 100 MiB go in and out', { timeout: 120_000 }, async t => {
      const large = { path: 'deep/given.bin', bytes: Buffer.alloc(100 * MIB, 'seven bytes and more') }
      const meter = workPerTurn()
      const outcome = await sandbox.run(
        job(program('files'), { files: [large], limits: { outputBytes: 101 * MIB } })
      )
      const { most } = meter.stop()
      assert.equal(outcome.reason, '')
      assert.equal(outcome.exitCode, 0)
      assert.ok(outcome.files.find(({ path }) => path === 'kept.bin')!.bytes.equals(large.bytes))
      t.diagnostic(`at most ${most} bytes in one turn of the loop`)
      assert.ok(most <= MOST_PER_TURN, `${most} bytes in one turn of the loop`)
    })
  })
}

test('the same job gives one hash and one bill in every isolation, at every run, from every compiler', async t => {
  const results: [Outcome['hash'], bigint][] = []
  const kinds = isolations.filter(({ skip }) => skip === false)
  if (kinds.length < isolations.length) t.diagnostic('only one isolation works here')
  for (const { isolation } of kinds) {
    for (const flags of [[], ['--liftoff', '--no-wasm-tier-up'], ['--liftoff', '--wasm-lazy-compilation']]) {
      const sandbox = new Sandbox({ isolation, flags, nice: 0 })
      try {
        for (const fuel of [PLENTY, 5_000_000n]) {
          const outcome = await sandbox.run(work({ fuel }), { refuel: () => Promise.resolve(7_000_000n) })
          assert.equal(outcome.status, 'ok', outcome.reason)
          results.push([outcome.hash, outcome.fuel])
        }
      } finally {
        await sandbox.close()
      }
    }
  }
  for (const result of results) assert.deepEqual(result, results[0])
})

test('host calls are charged, and so is each byte that they move', async () => {
  const sandbox = new Sandbox({ nice: 0 })
  // random_get(0, length), repeated
  const random = (times: number, length: number) => {
    const once = [0x41, 0, 0x41, ...unsigned(length), 0x10, 0, 0x1a]
    return job(
      moduleOf({
        imports: [['wasi_snapshot_preview1', 'random_get', RANDOM_GET]],
        bodies: [[0, ...Array.from({ length: times }, () => once).flat()]]
      })
    )
  }
  try {
    const [once, larger, twice] = await Promise.all(
      [random(1, 10), random(1, 50), random(2, 10)].map(async job => (await sandbox.run(job)).fuel)
    )
    assert.equal(larger! - once!, 40n * HOST_COST.byte)
    assert.ok(twice! - once! > HOST_COST.call + 10n * HOST_COST.byte)
  } finally {
    await sandbox.close()
  }
})

test('a different seed gives different random numbers', async () => {
  const sandbox = new Sandbox({ nice: 0 })
  try {
    const one = await sandbox.run(work())
    const two = await sandbox.run(work({ seed: Buffer.alloc(32, 2) }))
    assert.notEqual(one.hash, two.hash)
  } finally {
    await sandbox.close()
  }
})

test('a job that cannot be run as it is is rejected with the reason', async () => {
  const sandbox = new Sandbox({ warm: 0 })
  const at = (...paths: string[]) => ({ files: paths.map(path => ({ path, bytes: Buffer.from('x') })) })
  const bad: [RegExp, ReturnType<typeof job>][] = [
    [/plain relative path/, work(at('../a'))],
    [/plain relative path/, work(at('/a'))],
    [/plain relative path/, work(at('a//b'))],
    [/not text/, work(at('a\0b'))],
    [/twice/, work(at('a', 'a'))],
    [/a file and a folder/, work(at('a/b', 'a'))],
    [/too long/, work(at('a/'.repeat(70) + 'b'))],
    [/seed/, work({ seed: Buffer.alloc(16) })],
    [/fuel/, work({ fuel: -1n })],
    [/no module/, job(Buffer.alloc(0))],
    [/argument/, work({ args: ['a\0b'] })],
    [/wallMs/, work({ limits: { wallMs: Infinity } })],
    [/memoryBytes/, work({ limits: { memoryBytes: 2 ** 40 } })]
  ]
  try {
    for (const [reason, jobOfIt] of bad) {
      const outcome = await sandbox.run(jobOfIt)
      assert.equal(outcome.status, 'rejected')
      assert.match(outcome.reason, reason)
    }
  } finally {
    await sandbox.close()
  }
})

test('the test modules match their sources', { timeout: 120_000 }, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-programs-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const built = join(folder, 'work.wasm')
  const clang = run('clang', [
    '--target=wasm32-wasi',
    '-O2',
    '-Wl,--strip-all',
    '-o',
    built,
    join(programs, 'source', 'work.c')
  ])
  const failed = await clang.then(
    () => null,
    (error: Error) => error
  )
  if (failed) return t.skip(`clang with wasi-libc is not here: ${failed.message.split('\n')[0]}`)
  const sandbox = new Sandbox({ nice: 0 })
  try {
    const kept = await sandbox.run(work())
    const fresh = await sandbox.run({ ...work(), module: await readFile(built) })
    assert.deepEqual([fresh.status, fresh.hash], [kept.status, kept.hash])
  } finally {
    await sandbox.close()
  }
})
