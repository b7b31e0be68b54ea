import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { formatLink } from '../../contracts/keys/link.js'
import { BushelError } from '../../contracts/errors/error.js'
import { Interruption } from '../../src/cli/invocation.js'
import { Daemon } from '../../src/daemon/daemon.js'
import { Home } from '../../src/identity/home.js'
import { FakeNode, untilAborted } from '../daemon/fake-node.js'
import { runCommandLine } from './command-line.js'

const DAY = 86_400_000
const [a, b] = ['y'.repeat(52), 'b'.repeat(51) + 'y'] // keys in z-base-32: the last bits are zero
const link = formatLink({ key: Buffer.alloc(32, 1), encryptionKey: Buffer.alloc(32, 2) })
const mirrored = {
  link,
  files: 2,
  bytes: 3000,
  storedBytes: 4096,
  copies: 2,
  leases: [a, b],
  paidMsat: '123456',
  feesMsat: '7',
  atRiskMsat: '123000',
  seconds: { pack: 0.5, upload: 1.25 }
}
const record = {
  direction: 'sent',
  at: DAY,
  msat: '5000',
  feeMsat: '1',
  status: 'succeeded',
  hash: 'ab'.repeat(32),
  description: '',
  kind: 'installment',
  agreement: b,
  installment: 3
}
const lease = {
  id: a,
  role: 'buyer',
  device: b,
  identity: a,
  bytes: 5_000_000,
  until: DAY,
  ends: DAY,
  state: 'STORED',
  paidMsat: '12345',
  earnedMsat: '0',
  payments: 3,
  receipts: []
}

const status = {
  identity: a,
  device: b,
  pid: 1,
  network: 'play-1',
  wallet: { state: 'down', reason: 'it ended with SIGSEGV' },
  market: null,
  peers: 3,
  shelf: { usedBytes: 1, reservedBytes: 2, spaceBytes: 3, egressBytes: 4 },
  leases: { buyer: 1, provider: 2 },
  compute: { running: 1, queued: 2, paused: true, bought: 3 },
  notes: ['a note']
}

let dir = ''
let home = ''
let module = ''
let daemon: Daemon
const node = new FakeNode(() => ({ markets: [] }))

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bushel-commands-'))
  home = join(dir, 'home')
  await Home.create(home)
  module = join(dir, 'job.wasm')
  await writeFile(module, 'the node reads it')
  daemon = new Daemon({ home, bootstrap: null, openNode: () => Promise.resolve(node) })
  await daemon.ready()
})
after(async () => {
  await daemon.close()
  await rm(dir, { recursive: true, force: true })
})

const provider = {
  device: b,
  identity: a,
  agreement: a,
  fuel: '1234567890123',
  hash: 'ab'.repeat(64),
  paid: '45000',
  verdict: 'equal',
  note: 'a note that is far too long to stand in a table of eighty columns'
}
const result = {
  id: a,
  status: 'ok',
  limit: null,
  reason: '',
  exitCode: 0,
  fuel: '1234567890123',
  hash: 'ab'.repeat(64),
  out: null,
  paidMsat: '45000',
  feesMsat: '3',
  providers: [provider],
  evidence: [],
  seconds: 12.5
}
const jobEntry = {
  id: a,
  name: 'a program with a name that is longer than a table is wide, by far.wasm',
  created: DAY,
  state: 'RUNNING',
  status: null,
  exitCode: null,
  fuel: '1234567890123',
  hash: 'ab'.repeat(64),
  paidMsat: '45000',
  providers: [provider]
}

const order = { id: a, market: b, expires: DAY }
const market = { key: a, name: 'here' }

/** What is typed, the call that the node receives, and its answer. */
const cases: [string[], string, object, object][] = [
  [['market', 'create', '--name', 'here'], 'market.create', { name: 'here', dryRun: false }, market],
  [['market', 'join', a], 'market.join', { key: a, dryRun: false }, market],
  [['market', 'join', '0'.repeat(64), '--dry-run'], 'market.join', { key: a, dryRun: true }, market],
  [['market', 'use', 'here'], 'market.use', { market: 'here', dryRun: false }, market],
  [['market', 'list'], 'market.list', {}, { markets: [{ ...market, role: 'founder', used: true }] }],
  [['market', 'admit', b], 'market.admit', { device: b, dryRun: false }, { device: b, market: a }],
  [
    ['sell', 'storage', '--space', '1.5 GiB', '--price', '25 sat/GiB-month'],
    'sell.storage',
    {
      space: 1.5 * 2 ** 30,
      price: '25600000',
      minTime: 3_600_000,
      maxTime: 365 * DAY,
      region: '',
      dryRun: false
    },
    order
  ],
  [
    [
      '--market',
      'here',
      'sell',
      'storage',
      '--space',
      '1GB',
      '--price',
      '1 sat/TiB-day',
      '--min-time',
      '2h',
      '--region',
      'eu',
      '--dry-run'
    ],
    'sell.storage',
    {
      market: 'here',
      space: 1e9,
      price: '30000',
      minTime: 7_200_000,
      maxTime: 365 * DAY,
      region: 'eu',
      dryRun: true
    },
    { ...order, dryRun: true }
  ],
  [
    ['bid', 'storage', '.', '--time', '30d', '--copies', '3', '--max', '30 sat/GiB-month', '--market', a],
    'bid.storage',
    { market: a, time: 30 * DAY, copies: 3, maxPrice: '30720000', path: resolve('.'), dryRun: false },
    order
  ],
  [
    ['sell', 'compute', '--cores', '2', '--memory', '2GiB', '--price', '40 sat/Tfuel'],
    'sell.compute',
    {
      cores: 2,
      memory: 2 * 2 ** 30,
      price: '40000',
      baseMsat: '1000',
      region: '',
      onlyIdle: false,
      hours: null,
      allowProcess: false,
      dryRun: false
    },
    { ...order, isolation: 'bwrap' }
  ],
  [
    [
      ...['sell', 'compute', '--cores', '1', '--memory', '1GB', '--price', '1 msat/Gfuel', '--base', '2 sat'],
      ...['--only-idle', '--hours', '22:00-07:05', '--allow-process', '--region', 'eu', '--dry-run']
    ],
    'sell.compute',
    {
      cores: 1,
      memory: 1e9,
      price: '1000',
      baseMsat: '2000',
      region: 'eu',
      onlyIdle: true,
      hours: { from: 1320, to: 425 },
      allowProcess: true,
      dryRun: true
    },
    { ...order, isolation: 'process', dryRun: true }
  ],
  [['sell', 'pause'], 'sell.pause', { paused: true, dryRun: false }, { paused: true }],
  [['sell', 'resume', '--dry-run'], 'sell.pause', { paused: false, dryRun: true }, { paused: false }],
  [['jobs'], 'jobs', {}, { jobs: [jobEntry, { ...jobEntry, status: 'ok', exitCode: 3 }] }],
  [['job', 'cancel', a], 'job.cancel', { id: a, dryRun: false }, { id: a, state: 'CANCELLED' }],
  [['withdraw', b], 'withdraw', { id: b, dryRun: false }, { id: b }],
  [['mirror', '.'], 'mirror', { copies: 2, time: 30 * DAY, path: resolve('.'), dryRun: false }, mirrored],
  [
    ['mirror', '.', '--copies', '4', '--max', '1 msat/TiB-month', '--prepay-max', '2.5 sat', '--dry-run'],
    'mirror',
    { maxPrice: '1', prepayMaxMsat: '2500', copies: 4, time: 30 * DAY, path: resolve('.'), dryRun: true },
    { ...mirrored, dryRun: true }
  ],
  [
    ['restore', link, 'back', '--force'],
    'restore',
    { link, dest: resolve('back'), force: true, dryRun: false },
    { path: resolve('back'), files: 1, bytes: 2, sha256: 'ab', seconds: 1 }
  ],
  [['leases'], 'leases', {}, { leases: [lease, { ...lease, role: 'provider', until: 0 }] }],
  [['leases', 'end', a], 'leases.end', { id: a, dryRun: false }, { id: a, state: 'ENDED' }],
  [
    ['wallet'],
    'wallet',
    {},
    { backend: 'play', network: 'play-1', spendableMsat: '1000', receivableMsat: '0' }
  ],
  [
    ['wallet'],
    'wallet',
    {},
    {
      backend: 'cln',
      nodeId: '02'.repeat(33),
      network: 'regtest',
      spendableMsat: '1000',
      receivableMsat: '0'
    }
  ],
  [['wallet', 'history', '--limit', '7'], 'wallet.history', { limit: 7 }, { records: [record] }],
  [['wallet', 'history'], 'wallet.history', { limit: 50 }, { records: [] }],
  [
    ['wallet', 'invoice', '1.5 sat', '--description', 'tea', '--expiry', '2h'],
    'wallet.invoice',
    { msat: '1500', description: 'tea', expirySeconds: 7200, dryRun: false },
    { invoice: 'lnbcrt1', hash: 'ab', msat: '1500' }
  ],
  [
    ['wallet', 'pay', 'lnbcrt1', '--max', '2 sat'],
    'wallet.pay',
    { invoice: 'lnbcrt1', maxMsat: '2000', dryRun: false },
    { hash: 'ab', msat: '1500', feeMsat: '0', preimage: 'cd', payee: '02', description: 'tea' }
  ],
  [
    ['wallet', 'limits', '--deal', '10 sat', '--day', 'none', '--fee', '0.5', '--fee-min', '1 sat'],
    'wallet.limits',
    { dealMsat: '10000', dayMsat: null, feePercent: 0.5, feeMinMsat: '1000', dryRun: false },
    { dealMsat: '10000', dayMsat: null, peerMsat: '5000', feePercent: 0.5, feeMinMsat: '1000' }
  ],
  [['status'], 'status', {}, status]
]

test('each command sends the typed parameters to the node and prints its result', async () => {
  for (const [words, method, params, result] of cases) {
    node.answer = ({ context }) => {
      context.onProgress({ event: 'note', message: 'on the way' })
      return result
    }
    const shown = words.join(' ')
    const { failure, lines, stderr } = await runCommandLine([...words, '--json', '--home', home])
    assert.equal(failure, null, `${shown}: ${failure?.message}`)
    const asked = node.asked.at(-1)!
    assert.deepEqual([asked.method, asked.params], [method, params], shown)
    assert.deepEqual(lines, [{ event: 'note', message: 'on the way' }, result], shown)
    assert.equal(stderr, '', shown)

    const people = await runCommandLine(['--home', home, ...words])
    assert.equal(people.failure, null, shown)
    assert.equal(people.stderr, 'on the way\n', shown)
    assert.ok(people.stdout.length > 0, shown)
    for (const line of people.stdout.split('\n')) assert.ok(line.length <= 80 || line === link, line)
  }
})

test('status shows the condition of the wallet and its reason', async () => {
  const shown = async (wallet: object | null): Promise<string> => {
    node.answer = () => ({ ...status, wallet })
    const { stdout } = await runCommandLine(['status', '--home', home])
    return /^wallet +(.*)$/m.exec(stdout)![1]!.trimEnd()
  }
  assert.equal(await shown(status.wallet), 'down: it ended with SIGSEGV')
  assert.equal(await shown({ state: 'working', reason: '' }), 'working')
  assert.equal(await shown(null), 'not in use')
})

test('the storage book fits 80 columns, whatever text strangers wrote into it', async () => {
  const ask = {
    id: a,
    identity: b,
    device: b,
    space: 2 ** 40,
    price: '123456789',
    region: 'far \u001b[31maway\u202e and further than any table is wide',
    minTime: 3_600_000,
    maxTime: 365 * DAY,
    expires: DAY
  }
  const bid = {
    id: b,
    identity: a,
    device: b,
    bytes: 1e9,
    time: DAY,
    copies: 3,
    price: '25600000',
    expires: DAY
  }
  const book = {
    market: a,
    name: 'here',
    viewHash: b,
    asks: [ask, ask],
    bids: [bid],
    inStep: true,
    tick: Date.now()
  }
  node.answer = () => book
  const { stdout } = await runCommandLine(['book', '--home', home])
  assert.match(stdout, /in step/)
  assert.match(stdout, /2 TiB/, 'the depth after two asks')
  assert.match(stdout, /3 x 953\.7 MiB/)
  assert.doesNotMatch(stdout, /\u001b|\u202e/)
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`)
  node.answer = () => ({ ...book, inStep: false, asks: [], bids: [] })
  assert.match(
    (await runCommandLine(['book', 'storage', '--home', home])).stdout,
    /NOT in step[^]*no asks[^]*no bids/
  )
})

test('an id may be as short as the tables show it', async () => {
  const ids = ['ybndrfg8ejkm'.padEnd(52, 'y'), 'ybndrfg8cccc'.padEnd(52, 'y')] as const
  node.answer = ({ method, params }) => {
    if (method === 'leases') return { leases: ids.map(id => ({ ...lease, id })) }
    if (method === 'status') return { identity: a }
    if (method === 'book') return { asks: [{ id: ids[0], identity: b }], bids: [{ id: ids[1], identity: a }] }
    if (method === 'book.compute') return { asks: [], bids: [] }
    if (method === 'jobs') return { jobs: ids.map(id => ({ ...jobEntry, id })) }
    return { ...params, state: 'ENDED' }
  }
  const ended = await runCommandLine(['--json', 'leases', 'end', 'ybndrfg8e', '--home', home])
  assert.equal(ended.lines[0]!.id, ids[0])
  const withdrawn = await runCommandLine(['--json', 'withdraw', 'ybndrfg8', '--home', home])
  assert.equal(withdrawn.lines[0]!.id, ids[1], 'the only one that is ours')
  const cancelled = await runCommandLine(['--json', 'job', 'cancel', 'ybndrfg8c', '--home', home])
  assert.equal(cancelled.lines[0]!.id, ids[1])
  const several = await runCommandLine(['leases', 'end', 'ybndrfg8', '--home', home])
  assert.deepEqual([several.failure?.code, several.failure?.exit], ['BAD_KEY', 2])
  const none = await runCommandLine(['leases', 'end', 'ejkmcpqx', '--home', home])
  assert.equal(none.failure?.code, 'BAD_KEY')
})

test('a command fails with the error of the node', async () => {
  const shape = { code: 'NO_OFFER' as const, exit: 4, message: 'nobody\noffers that', hint: 'pay more' }
  node.answer = () => Promise.reject(new BushelError(shape.code, shape.message, shape.hint))
  const json = await runCommandLine(['mirror', '.', '--json', '--home', home])
  assert.deepEqual(json.lines, [{ error: shape }])
  const people = await runCommandLine(['mirror', '.', '--home', home])
  assert.equal(people.stderr, 'bushel: nobody offers that\nhint: pay more\n')
})

test('Ctrl-C aborts the call in the node and exits with code 130', async () => {
  node.answer = untilAborted
  const controller = new AbortController()
  const asked = node.nextCall()
  const command = runCommandLine(['mirror', '.', '--json', '--home', home], controller.signal)
  const { context } = await asked
  controller.abort(new Interruption('SIGINT'))
  const { failure, lines } = await command
  assert.equal(failure?.exit, 130)
  assert.equal((lines[0]!.error as { code: string }).code, 'INTERRUPTED')
  assert.ok(context.signal.aborted)
})

test('--watch prints whatever has changed until it is stopped', async () => {
  const controller = new AbortController()
  const leases = [lease]
  let reads = 0
  node.answer = () => {
    if (++reads === 3) leases.push({ ...lease, id: b })
    if (reads === 4) controller.abort(new Interruption('SIGINT'))
    return { leases }
  }
  const { lines, failure } = await runCommandLine(
    ['leases', '--watch', '--json', '--home', home],
    controller.signal
  )
  assert.equal(failure?.exit, 130)
  const counts = lines.filter(line => line.leases).map(line => (line.leases as unknown[]).length)
  assert.deepEqual(counts.slice(0, 2), [1, 2])
})

test('`up` is refused on a home whose node is already running', async () => {
  for (const more of [[], ['--dry-run']]) {
    const { failure } = await runCommandLine(['up', ...more, '--home', home])
    assert.deepEqual([failure?.code, failure?.exit], ['ALREADY_RUNNING', 2])
    assert.match(failure!.message, new RegExp(String(process.pid)))
  }
})

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
    fuel: '2475000000000',
    dryRun: true
  })
  const tried = await runCommandLine(['--home', home, 'run', module, '--no-stdin', '--dry-run'])
  assert.deepEqual([node.asked.at(-1)!.method, node.asked.at(-1)!.params], ['run.estimate', runParams()])
  assert.match(tried.stdout, /2\.475 Tfuel/)
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

test('the compute book fits 80 columns, whatever text strangers wrote into it', async () => {
  const ask = {
    id: a,
    identity: b,
    device: b,
    price: '123456789',
    baseMsat: '1500',
    cores: 1024,
    memory: 2 ** 40,
    isolation: 'process',
    fuel: 'fuel/1',
    region: 'far \u001b[31maway\u202e and further than any table is wide',
    expires: DAY
  }
  const bid = {
    id: b,
    identity: a,
    device: b,
    price: '40000',
    memory: 2 ** 28,
    fuel: 'fuel/1',
    providers: 3,
    maxMsat: '100000',
    expires: DAY
  }
  const book = {
    market: a,
    name: 'here',
    viewHash: b,
    asks: [ask],
    bids: [bid],
    inStep: true,
    tick: Date.now()
  }
  node.answer = () => book
  const { stdout } = await runCommandLine(['book', 'compute', '--home', home])
  assert.equal(node.asked.at(-1)!.method, 'book.compute')
  assert.match(stdout, /123 456\.789 sat\/Tfuel +1\.5 sat +1024 +1 TiB +process/)
  assert.match(stdout, /40 sat\/Tfuel +100 sat +3 +256 MiB/)
  assert.doesNotMatch(stdout, /\u001b|\u202e/)
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`)
  node.answer = () => ({ ...book, asks: [], bids: [] })
  assert.match((await runCommandLine(['book', 'compute', '--home', home])).stdout, /no asks[^]*no bids/)
})

test('a column is named by the kind of key in it', async () => {
  const titlesOf = async (command: string[], answer: object): Promise<string> => {
    node.answer = () => answer
    const { stdout } = await runCommandLine([...command, '--home', home])
    return stdout
  }
  const leases = await titlesOf(['leases'], { leases: [lease] })
  assert.match(leases, /^LEASE +ROLE +DEVICE /)
  assert.match(leases, new RegExp(`${lease.id.slice(0, 8)} +buyer +${lease.device.slice(0, 8)}`))
  const job = await titlesOf(['job', 'show', jobEntry.id], { jobs: [jobEntry] })
  assert.match(job, /^DEVICE +VERDICT/m)
  const history = await titlesOf(['wallet', 'history'], { records: [record] })
  assert.match(history, new RegExp(`installment 3 of ${record.agreement.slice(0, 8)}$`, 'm'))
})
