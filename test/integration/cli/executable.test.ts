import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { formatReceipt } from '../../../contracts/evidence/receipt.js'
import { paidInstallment } from '../../samples/evidence/paid-installment.js'
import { person } from '../../samples/people.js'
import type { Child } from '../../world/child.js'
import { Children } from '../../world/children.js'
import type { ChildOptions } from '../../world/children.js'

const bushel = fileURLToPath(new URL('../../../bin/bushel.js', import.meta.url))

interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

const children = await Children.open({ after })

function start(args: string[], options: ChildOptions = {}): Child {
  return children.script(bushel, { args, ...options })
}

async function run(args: string[], options: ChildOptions = {}): Promise<Ran> {
  const child = start(args, { input: '', ...options })
  const { code } = await child.ended
  return { code, stdout: child.stdout, stderr: child.stderr }
}

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-executable-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('help loads none of the network, storage and wallet libraries', async () => {
  const code = `import Module from 'node:module'
    process.on('exit', () => process.stderr.write(Object.keys(Module._cache).join('\\n')))`
  const spy = ['--import', `data:text/javascript,${encodeURIComponent(code)}`]
  const { code: exit, stdout, stderr } = await run(['--help'], { flags: spy })
  assert.equal(exit, 0)
  assert.match(stdout, /^Usage: bushel/)
  assert.match(stderr, /commander/, 'the spy sees what is loaded')
  const packages = new Set([...stderr.matchAll(/node_modules\/([^/\n]+)/g)].map(match => match[1]))
  assert.deepEqual([...packages], ['commander'])
})

test('help loads neither the code of the commands nor the declarations of the calls', async () => {
  const { code, stderr } = await run(['--help'], { env: { NODE_DEBUG: 'esm' } })
  assert.equal(code, 0)
  const modules = new Set(
    [...stderr.matchAll(/file:\/\/[^\s'"]*\/dist\/([^\s'"]+\.js)/g)].map(match => match[1]!)
  )
  assert.ok(modules.has('src/cli/main.js'), 'the spy sees what is loaded')
  assert.deepEqual(
    [...modules].filter(name => /^src\/(cli\/commands|node|daemon)\//.test(name)),
    []
  )
  assert.ok(modules.size <= 13, [...modules].join(' '))
  assert.doesNotMatch(stderr, /valibot/)
})

test('init makes a home, never overwrites one, and restores an identity from its words', async t => {
  const dir = await folder(t)
  const dry = await run(['init', '--dry-run', '--json', '--home', 'one'], { cwd: dir })
  assert.deepEqual(JSON.parse(dry.stdout), { words: null, identity: null, device: null, dryRun: true })
  assert.deepEqual(await readdir(dir), [])

  const made = await run(['--json', 'init', '--home', 'one', '--play-grant', '5000 sat'], { cwd: dir })
  assert.equal(made.code, 0, made.stderr)
  const { words, identity, device, ...rest } = JSON.parse(made.stdout) as Record<string, string>
  assert.deepEqual(rest, {})
  assert.equal(words!.split(' ').length, 24)
  for (const id of [identity, device]) assert.match(id!, /^[ybndrfg8ejkmcpqxot1uwisza345h769]{52}$/)
  assert.equal((await stat(join(dir, 'one', 'lightning'))).mode & 0o777, 0o700)

  const key = await readFile(join(dir, 'one', 'device.key'))
  const again = await run(['init', '--json'], { env: { BUSHEL_HOME: join(dir, 'one') } })
  assert.equal(again.code, 2)
  assert.equal((JSON.parse(again.stdout) as { error: { code: string } }).error.code, 'HOME_EXISTS')
  assert.deepEqual(await readFile(join(dir, 'one', 'device.key')), key)

  const recovered = await run(['init', '--words', '-', '--json', '--home', 'two'], {
    cwd: dir,
    input: words! + '\n'
  })
  const second = JSON.parse(recovered.stdout) as Record<string, string>
  assert.deepEqual([second.words, second.identity], [null, identity])
  assert.notEqual(second.device, device)

  const wallet = await run(['wallet', '--json', '--home', join(dir, 'one')])
  assert.equal((JSON.parse(wallet.stdout) as { spendableMsat: string }).spendableMsat, '5000000')
})

test('init prints new words once, and given words not at all', async t => {
  const dir = await folder(t)
  const { stdout, code } = await run(['init', '--home', join(dir, 'one')])
  assert.equal(code, 0)
  const listed = stdout.split('\n').filter(line => /^ {3}\d/.test(line))
  const words = [...listed.join('\n').matchAll(/ (\d+) ([a-z]+)/g)].sort(
    (a, b) => Number(a[1]) - Number(b[1])
  )
  assert.equal(words.length, 24)
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
  // The columns as they were printed are accepted back.
  const recovered = await run(['init', '--home', join(dir, 'two'), '--words', '-'], {
    input: listed.join('\n')
  })
  assert.equal(recovered.code, 0, recovered.stderr)
  assert.doesNotMatch(recovered.stdout, new RegExp(words[0]![2]! + '|' + words[1]![2]!))
  const identity = /identity {2}(\w+)/.exec(stdout)![1]!
  assert.ok(recovered.stdout.includes(identity))
  const empty = await run(['init', '--home', join(dir, 'three'), '--words', '-'])
  assert.equal(empty.code, 2)
  assert.match(empty.stderr, /^bushel: no words/)
})

test('the process reports usage errors and reads BUSHEL_BOOTSTRAP from the environment', async () => {
  const usage = await run(['sell', 'storage', '--json'])
  assert.equal(usage.code, 2)
  assert.equal((JSON.parse(usage.stdout) as { error: { code: string } }).error.code, 'USAGE')
  const bootstrap = await run(['status'], { env: { BUSHEL_BOOTSTRAP: 'x' } })
  assert.equal(bootstrap.code, 2)
  assert.match(bootstrap.stderr, /^bushel: 'x' is not the address of a bootstrap node\nhint: /)
  const bare = await run([])
  assert.deepEqual([bare.code, bare.stdout], [2, ''])
  assert.match(bare.stderr, /Usage: bushel/)
})

test('`dht` prints its address, and ends with code 0 after SIGTERM and 130 after Ctrl-C', async () => {
  for (const [signal, expected] of [
    ['SIGTERM', 0],
    ['SIGINT', 130]
  ] as const) {
    const child = start(['dht', '--json'])
    const ready = await child.line(() => true)
    assert.equal(ready.event, 'ready')
    assert.deepEqual([ready.host, ready.pid], ['127.0.0.1', child.pid])
    assert.ok(Number(ready.port) > 0)
    assert.equal((await child.kill(signal)).code, expected)
  }
})

test('`receipt verify` exits with code 0 for a valid receipt and 1 for an invalid one', async t => {
  const dir = await folder(t)
  const [[buyer], [provider]] = [await person(), await person()]
  const { receipt } = paidInstallment(buyer!, provider!)
  for (const [name, preimage, exit] of [
    ['good', receipt.preimage, 0],
    ['bad', Buffer.alloc(32), 1]
  ] as const) {
    const file = join(dir, name)
    await writeFile(file, formatReceipt({ ...receipt, preimage }))
    const { code, stdout } = await run(['receipt', 'verify', file, '--json'])
    assert.equal((JSON.parse(stdout) as { ok: boolean }).ok, exit === 0)
    assert.equal(code, exit, name)
  }
})

const programs = new URL('../../../../test/samples/programs/', import.meta.url)

test('a local job needs no home, reads standard input and prints to standard output', async t => {
  const dir = await folder(t)
  const module = fileURLToPath(new URL('count.wasm', programs))
  const nowhere = ['--home', join(dir, 'none')]
  const local = ['run', module, '--local', '--out', join(dir, 'out'), ...nowhere]
  const { code, stdout, stderr } = await run(local, { input: 'a\nb\n' })
  assert.deepEqual([code, stdout], [0, '2\n'])
  assert.match(stderr, /^status +ok\n[^]*fuel[^]*would cost +unknown: no running node/)
  assert.equal(await readFile(join(dir, 'out', 'lines.txt'), 'utf8'), '2\n')

  const again = await run([...local, '--force', '--json'], { input: 'a\nb\nc\n' })
  const [output, result] = again.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  assert.equal(Buffer.from(String(output!['base64']), 'base64').toString(), '3\n')
  assert.deepEqual([result!['status'], result!['exitCode'], result!['id']], ['ok', 0, ''])

  const inTheWay = await run([...local, '--json'], { input: 'a\n' })
  assert.deepEqual([inTheWay.code, /FILE_EXISTS/.test(inTheWay.stdout)], [2, true])

  const bad = await run(['run', module, '--local', ...nowhere, '--no-stdin', '--', '/in/none'])
  assert.equal(bad.code, 1, bad.stderr)
  assert.match(bad.stderr, /exit code 2/)
  assert.deepEqual((await readdir(dir)).sort(), ['out'], 'no home was made')
})

test('a local job is stopped by the same limits as on a provider', async t => {
  const dir = await folder(t)
  const module = fileURLToPath(new URL('sha256.wasm', programs))
  const local = ['run', module, '--local', '--no-stdin', '--json', '--home', join(dir, 'none')]
  const { code, stdout } = await run([...local, '--limit', 'wall=300ms', '--', '100000000'])
  const result = JSON.parse(stdout) as { status: string; limit: string }
  assert.deepEqual([code, result.status, result.limit], [1, 'limit', 'wall'])
})

/** Runs a command of the shell in which `"$0" "$@"` is the executable with its arguments. */
async function shell(command: string, args: string[]): Promise<{ code: number; stderr: string }> {
  const words = ['-c', command, process.execPath, bushel, ...args]
  const child = spawn('sh', words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = (await once(child, 'close')) as [number]
  return { code, stderr }
}

const redirected = (args: string[], redirection: string): ReturnType<typeof shell> =>
  shell(`exec "$0" "$@" ${redirection}`, args)

test('output to a full disk ends with one line and another exit code than 0', async () => {
  for (const args of [['--help'], ['--version'], ['api'], ['api', '--json'], ['help', 'run']]) {
    const { code, stderr } = await redirected(args, '> /dev/full')
    assert.equal(code, 1, args.join(' '))
    assert.match(stderr, /^bushel: standard output cannot be written: ENOSPC[^\n]*\n$/, args.join(' '))
  }
  const failed = await redirected(['nonsense', '--json'], '> /dev/full')
  assert.equal(failed.code, 2, 'the exit code of the command says more')
  assert.match(failed.stderr, /^bushel: standard output cannot be written/)
  assert.equal((await redirected(['nonsense'], '2> /dev/full')).code, 2)
})

test('a reader that exits first is no failure', async () => {
  const { stderr } = await shell(`("$0" "$@"; echo "code $?" >&2) | true`, ['api', '--json'])
  assert.equal(stderr, 'code 0\n')
})
