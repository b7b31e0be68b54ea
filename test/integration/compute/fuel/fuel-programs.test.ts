import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { Console, printed, program, programs } from '../../../parts/compute/fuel/console.js'
import { Guest, metered } from '../../../parts/compute/fuel/guest.js'

const run = promisify(execFile)

function meteredRun(
  bytes: Uint8Array,
  args: readonly string[],
  portion = 1_000_000n
): { text: string; used: bigint } {
  const screen = new Console(args)
  const guest = new Guest(metered(bytes, 1024).bytes, screen.functions, { portion })
  screen.start(guest.exports)
  return { text: screen.text, used: guest.used }
}

/** SHA-256 of the data that sha256.c hashes. */
function expected(kib: number): string {
  const bytes = Buffer.alloc(kib * 1024, 0)
  for (let n = 0; n < kib * 16; n++) for (let i = 0; i < 64; i++) bytes[64 * n + i] = n * 31 + i * 7
  return createHash('sha256').update(bytes).digest('hex')
}

test('a compiled program prints the same when metered, and its fuel does not depend on the grants', () => {
  assert.equal(meteredRun(program('sha256.wasm'), ['3']).text.trim(), expected(3))
  for (const [name, args] of [
    ['sha256.wasm', ['20']],
    ['matrix.wasm', ['30']],
    ['matrix-simd.wasm', ['30']]
  ] as const) {
    const first = meteredRun(program(name), args)
    assert.equal(first.text, printed(program(name), args), name)
    assert.deepEqual(meteredRun(program(name), args, 0n), first, `${name}, a trifle at a time`)
    assert.ok(first.used > 10_000n)
  }
})

test('NaNs that arithmetic made have canonical bits in the output of a program', () => {
  const lines = meteredRun(program('mixed.wasm'), []).text.split('\n')
  const plain = printed(program('mixed.wasm'), []).split('\n')
  const nan = /^(zero over zero|difference of infinities|negated) /
  assert.deepEqual(
    lines.filter(line => nan.test(line)),
    [
      'zero over zero 7ff8000000000000',
      'difference of infinities 7ff8000000000000',
      'negated 7ff8000000000000'
    ]
  )
  const others = (from: string[]): string[] => from.filter(line => !nan.test(line))
  assert.deepEqual(others(lines), others(plain))
})

test('twice the work uses twice the fuel', () => {
  const used = (kib: number): number => Number(meteredRun(program('sha256.wasm'), [String(kib)]).used)
  const [one, two, four] = [used(50), used(100), used(200)]
  assert.ok(Math.abs((four - two) / (two - one) - 2) < 0.001, `${one} ${two} ${four}`)
})

test('the sources build into programs with the same behaviour', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-programs-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const [shared, ...builds] = (await readFile(join(programs, 'build.txt'), 'utf8')).trim().split('\n')
  for (const build of builds) {
    const [name, source, ...flags] = build.split(' ')
    const out = join(folder, name!)
    try {
      await run('clang', [
        ...shared!.split(' '),
        ...flags,
        join(programs, 'source', source!),
        '-o',
        out,
        '-lm'
      ])
    } catch (error) {
      const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
      return t.skip(`no clang that builds for wasm32-wasi here: ${why}`)
    }
    const args = name === 'mixed.wasm' ? [] : ['24']
    assert.equal(
      meteredRun(await readFile(out), args).text,
      meteredRun(program(name!), args).text,
      `${name} built now and before`
    )
  }
})
