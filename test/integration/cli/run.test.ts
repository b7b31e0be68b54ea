import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { runCommandLine } from '../../parts/cli/command-line.js'
import { b, result } from './sample-answers.js'
import { serveNode } from './served-node.js'

const { node, dir, home, module } = serveNode()

const runParams = (more: object = {}): object => ({
  module,
  args: [],
  limits: {},
  force: false,
  verify: 1,
  maxMsat: '100000',
  ...more
})
test('`run` sends the typed parameters and passes the arguments after -- to the program', async () => {
  node.answer = () => result
  const cases: [string[], object][] = [
    [[], runParams()],
    [
      [
        '--in',
        dir,
        '--out',
        'end',
        '--force',
        '--verify',
        'auto',
        '--max',
        '5 sat',
        '--max-price',
        '1 sat/Gfuel'
      ],
      runParams({
        input: dir,
        out: resolve('end'),
        force: true,
        verify: 'auto',
        maxMsat: '5000',
        maxPrice: '1000000'
      })
    ],
    [
      ['--limit', 'wall=10min, memory=1GiB,inodes=7', '--seed', 'x', '--', '--json', '-v', ''],
      runParams({
        args: ['--json', '-v', ''],
        limits: { wallMs: 600_000, memoryBytes: 2 ** 30, inodes: 7 },
        seed: '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
      })
    ]
  ]
  for (const [words, params] of cases) {
    const { failure } = await runCommandLine(['--home', home, 'run', module, '--no-stdin', ...words])
    assert.equal(failure, null, failure?.message)
    assert.deepEqual(node.asked.at(-1), { ...node.asked.at(-1), method: 'run', params }, words.join(' '))
  }
  const map = { base: resolve('.'), pattern: 'x/*', parallel: 2 }
  node.answer = () => ({ jobs: [], ok: 0, failed: 0, paidMsat: '0', feesMsat: '0', seconds: 1 })
  await runCommandLine(['--home', home, 'run', module, '--map', 'x/*', '--parallel', '2', '--', '{}'])
  assert.deepEqual(
    [node.asked.at(-1)!.method, node.asked.at(-1)!.params],
    ['run.map', runParams({ args: ['{}'], map })]
  )
  node.answer = () => ({
    jobs: 1,
    moduleBytes: 5,
    inputBytes: 7,
    providers: 2,
    price: '40000',
    baseMsat: '1000',
    maxMsat: '100000',
    feesMsat: '25000',
    fuel: '2475000000000',
    dryRun: true
  })
  const tried = await runCommandLine(['--home', home, 'run', module, '--no-stdin', '--dry-run'])
  assert.deepEqual([node.asked.at(-1)!.method, node.asked.at(-1)!.params], ['run.estimate', runParams()])
  assert.match(tried.stdout, /2\.475 Tfuel/)
  assert.match(tried.stdout, /at most 25 sat for all of it/)
})

test('the output of a program is printed byte for byte, and nothing else goes to standard output', async () => {
  const printed = Buffer.from([0, 255, 27, 91, 10, 128, 13])
  node.answer = ({ context }) => {
    const event = { event: 'output', base64: printed.toString('base64') } as const
    context.onProgress({ ...event, stream: 'stdout' })
    context.onProgress({ ...event, stream: 'stderr' })
    context.onProgress({ event: 'segment', provider: b, part: 'base', installment: 0, msat: '1000' })
    context.onProgress({ event: 'segment', provider: b, part: 'segment', installment: 2, msat: '2000' })
    context.onProgress({ event: 'segment', provider: b, part: 'rest', installment: 1 << 20, msat: '3000' })
    context.onProgress({ event: 'job', provider: b, state: 'RUNNING', fuel: '5000000' })
    context.onProgress({ event: 'job', provider: b, state: 'RUNNING', fuel: '6000000' })
    return { ...result, out: '/there' }
  }
  const people = await runCommandLine(['--home', home, 'run', module, '--no-stdin'])
  assert.deepEqual(people.bytes.stdout, printed)
  assert.ok(people.bytes.stderr.includes(printed))
  assert.match(people.stderr, /paid {6}1 sat to b+, the base/)
  assert.match(people.stderr, /paid {6}2 sat to b+, segment 2/)
  assert.match(people.stderr, /paid {6}3 sat to b+, the last payment/)
  assert.equal(people.stderr.match(/running/g)?.length, 1, 'a state is told once')
  assert.match(people.stderr, /written to  \/there/)
  assert.equal(people.exit, 0)
  for (const line of people.stderr.split('\n')) assert.ok(line.length <= 80, line)
  const { lines, stderr } = await runCommandLine(['--home', home, 'run', module, '--no-stdin', '--json'])
  assert.equal(stderr, '')
  assert.deepEqual(Buffer.from(lines[0]!.base64 as string, 'base64'), printed)
  assert.deepEqual(lines.at(-1), { ...result, out: '/there' })
})

test('a failed program exits with code 1 and prints the whole result last', async () => {
  for (const change of [
    { exitCode: 3 },
    { status: 'trap', exitCode: -1, reason: 'it divided by zero' },
    { status: 'limit', limit: 'wall', exitCode: -1, reason: 'it ran too long' },
    { status: 'disputed', exitCode: -1, reason: 'two say one thing and one another' }
  ]) {
    node.answer = () => ({ ...result, ...change })
    const json = await runCommandLine(['--home', home, 'run', module, '--no-stdin', '--json'])
    assert.deepEqual([json.failure, json.exit], [null, 1])
    assert.deepEqual(json.lines, [{ ...result, ...change }])
    const people = await runCommandLine(['--home', home, 'run', module, '--no-stdin'])
    assert.equal(people.exit, 1)
    assert.match(people.stderr, change.reason ? new RegExp(change.reason) : /exit code 3/)
  }
  const jobs = [
    { input: 'a', ...result },
    { input: 'b', error: { code: 'NO_OFFER', exit: 4, message: 'nobody', hint: '' } }
  ]
  node.answer = () => ({ jobs, ok: 1, failed: 1, paidMsat: '45000', feesMsat: '3', seconds: 1 })
  const map = await runCommandLine(['--home', home, 'run', module, '--map', '*'])
  assert.equal(map.exit, 1)
  assert.match(map.stderr, /FAILED {4}b: nobody[^]*1 job done, 1 failed/)
})

test('`job output` asks for the kept result of a job and prints it as `run` does', async () => {
  node.answer = () => result
  const { failure, stderr } = await runCommandLine([
    '--home',
    home,
    'job',
    'output',
    result.id,
    '--out',
    'end'
  ])
  assert.equal(failure, null)
  const params = { id: result.id, out: resolve('end'), force: false, dryRun: false }
  assert.deepEqual(node.asked.at(-1), { ...node.asked.at(-1), method: 'job.output', params })
  assert.match(stderr, /^status {2}ok$/m)
})
