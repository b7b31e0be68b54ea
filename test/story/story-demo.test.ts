import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checksum, look, makeTree, noise } from '../helpers/tree.js'

const DEMO = fileURLToPath(new URL('../../bin/demo.js', import.meta.url))

interface Show {
  child: ChildProcess
  stdout: () => string
  /** Resolves when that text has been said on standard error. */
  said: (text: string) => Promise<void>
  ended: Promise<[code: number | null]>
}

/** The demo with a folder for temporary files of its own. */
async function start(t: TestContext, args: string[]): Promise<Show & { folder: string; input: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-demo-test-'))
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  const input = join(folder, 'input')
  await makeTree(input, { 'a.txt': 'a', 'b/ü.bin': noise('demo', 100_000), 'b/link': { link: '../a.txt' } })
  // As npm runs it: from another folder than the one where it was typed.
  const env = { ...process.env, TMPDIR: temporary, INIT_CWD: dirname(input) }
  const child = spawn(process.execPath, [DEMO, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const heard = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (heard.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (heard.stderr += text))
  const ended = once(child, 'close') as Promise<[number | null]>
  t.after(async () => {
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  })
  const said = async (text: string): Promise<void> => {
    while (!heard.stderr.includes(text)) {
      assert.equal(child.exitCode, null, heard.stdout + heard.stderr)
      await Promise.race([once(child.stderr, 'data'), ended])
    }
  }
  return { child, stdout: () => heard.stdout, said, ended, folder, input }
}

/** Neither files nor processes of it are left. */
async function assertGone(folder: string): Promise<void> {
  assert.deepEqual(await readdir(join(folder, 'tmp')), [])
  const processes = execFileSync('ps', ['-A', '-o', 'args'], { encoding: 'utf8' })
  assert.ok(!processes.includes(folder), processes)
}

test('the demo, on an input of its own', { timeout: 240_000 }, async t => {
  const { stdout, ended, folder, input } = await start(t, ['--path', 'input', '--json'])
  const [code] = await ended
  const lines = stdout().trim().split('\n')
  assert.equal(lines.length, 1)
  const result = JSON.parse(lines[0]!) as Record<string, unknown>
  assert.equal(code, 0, lines[0])
  const before = await look(input)
  const sum = checksum(before)
  const { ok, path, files, bytes, copies, sourceSha256, restoredSha256, receipts } = result
  assert.deepEqual(
    { ok, path: basename(String(path)), files, bytes, copies, sourceSha256, restoredSha256 },
    { ok: true, path: 'input', files: 2, bytes: 100_001, copies: 2, sourceSha256: sum, restoredSha256: sum }
  )
  const providers = result['providers'] as {
    device: string
    price: string
    paidMsat: string
    payments: number
  }[]
  assert.equal(new Set(providers.map(provider => provider.device)).size, 2)
  for (const { price, payments } of providers) {
    assert.ok(BigInt(price) > 0n)
    assert.ok(payments >= 6, `${payments} payments`)
  }
  const paid = providers.reduce((all, { paidMsat }) => all + BigInt(paidMsat), 0n)
  assert.equal(paid, BigInt(String(result['paidMsat'])))
  assert.equal(
    receipts,
    providers.reduce((all, { payments }) => all + payments, 0)
  )
  const books = result['books'] as Record<string, string | boolean>[]
  assert.deepEqual(
    books.map(({ who }) => who),
    ['the buyer', ...providers.map(({ device }) => device.slice(0, 8))]
  )
  for (const { ok, paidMsat, refundedMsat, consumedMsat, inFlightMsat, balanceMsat } of books) {
    const sums = [paidMsat, refundedMsat, consumedMsat, inFlightMsat, balanceMsat].map(msat =>
      BigInt(String(msat))
    )
    assert.equal(ok, true)
    assert.equal(sums[0]! - sums[1]! - sums[2]! - sums[3]!, sums[4])
    assert.ok(sums[0]! > 0n && sums[2]! > 0n)
  }
  assert.equal(books[0]!['paidMsat'], result['paidMsat'])
  assert.deepEqual(Object.keys(result['seconds'] as object).sort(), ['pack', 'restore', 'upload'])
  assertCompute(result['compute'] as ComputeResult)
  await assertGone(folder)
})

interface ComputeResult {
  ok: boolean
  hash: string
  fuel: string
  paidMsat: string
  liar: { device: string; paidMsat: string }
  evidence: { ok: boolean; agreement: string; hash: string }
}

/** Two were paid alike for what the program comes to, the liar was paid its base; what it signed is another output. */
function assertCompute({ ok, hash, fuel, paidMsat, liar, evidence }: ComputeResult): void {
  assert.deepEqual([ok, evidence.ok], [true, true])
  for (const sum of [hash, evidence.hash]) assert.match(sum, /^[0-9a-f]{128}$/)
  assert.equal(evidence.hash.slice(0, 64), hash.slice(0, 64), 'the files are the same')
  assert.notEqual(evidence.hash.slice(64), hash.slice(64), 'standard output is not')
  assert.match(liar.device, /^[a-z0-9]{52}$/)
  assert.match(evidence.agreement, /^[a-z0-9]{52}$/)
  const [base, price] = [100n, 200_000n]
  assert.equal(BigInt(liar.paidMsat), base)
  const cost = base + (BigInt(fuel) * price + 999_999_999n) / 1_000_000_000n
  assert.ok(cost > 2n * base)
  assert.equal(BigInt(paidMsat), 2n * cost + base)
}

for (const [signal, after, args] of [
  ['SIGINT', 'Three strangers sell disk', ['--path', 'input']],
  ['SIGTERM', 'A buyer mirrors it', ['--path', 'input']],
  ['SIGINT', 'is bound to a result', ['--compute']]
] as const) {
  const what = args[0] === '--compute' ? 'act of compute' : 'demo'
  test(`the ${what} leaves nothing behind after ${signal}`, { timeout: 90_000 }, async t => {
    const { child, stdout, said, ended, folder } = await start(t, [...args, '--json'])
    await said(after)
    child.kill(signal)
    assert.deepEqual((await ended)[0], 130)
    const { ok, error } = JSON.parse(stdout()) as { ok: boolean; error: string }
    assert.deepEqual([ok, error], [false, `stopped by ${signal}`])
    await assertGone(folder)
  })
}

test('the demo says what is wrong with its input', { timeout: 30_000 }, async t => {
  const { stdout, ended, folder } = await start(t, ['--path', 'missing', '--json'])
  assert.deepEqual((await ended)[0], 1)
  const { ok, error } = JSON.parse(stdout()) as { ok: boolean; error: string }
  assert.equal(ok, false)
  assert.match(error, /missing does not exist$/)
  await assertGone(folder)
})
