import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { runCommandLine } from '../../parts/cli/command-line.js'
import {
  DAY,
  a,
  b,
  copy,
  jobEntry,
  lease,
  link,
  mirrorEntry,
  mirrored,
  record,
  status
} from './sample-answers.js'
import { serveNode } from './served-node.js'

const { node, home } = serveNode()

const order = { id: a, market: b, expires: DAY, inBook: true, note: '', warning: '' }
const market = { key: a, name: 'here' }

/** What is typed, the call that the node receives, and its answer. */
const cases: [string[], string, object, object][] = [
  [['market', 'create', '--name', 'here'], 'market.create', { name: 'here', dryRun: false }, market],
  [['market', 'join', a], 'market.join', { key: a, dryRun: false }, market],
  [['market', 'join', '0'.repeat(64), '--dry-run'], 'market.join', { key: a, dryRun: true }, market],
  [['market', 'use', 'here'], 'market.use', { market: 'here', dryRun: false }, market],
  [
    ['market', 'leave', 'here'],
    'market.leave',
    { market: 'here', dryRun: false },
    { ...market, withdrawn: 1, unsaid: 0 }
  ],
  [
    ['market', 'list'],
    'market.list',
    {},
    { markets: [{ ...market, state: 'open', role: 'founder', used: true }] }
  ],
  [['market', 'admit', b], 'market.admit', { device: b, dryRun: false }, { device: b, market: a }],
  [
    ['sell', 'storage', '--space', '1.5 GiB', '--price', '25 sat/GiB-month', '--floor', '20 sat/GiB-month'],
    'sell.storage',
    {
      space: 1.5 * 2 ** 30,
      price: '25600000',
      floor: '20480000',
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
    [
      'bid',
      'storage',
      '.',
      '--time',
      '30d',
      '--copies',
      '3',
      '--max-price',
      '30 sat/GiB-month',
      '--market',
      a
    ],
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
    { ...order, isolation: 'bwrap', walls: ['bubblewrap', 'seccomp'] }
  ],
  [
    [
      ...['sell', 'compute', '--cores', '1', '--memory', '1GB', '--price', '1 msat/Gfuel', '--base', '2 sat'],
      ...['--only-idle', '--hours', '22:00-07:05', '--allow-process', '--region', 'eu', '--dry-run'],
      ...['--max-wall', '2h', '--max-cpu', '30min']
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
      maxWallMs: 7_200_000,
      maxCpuMs: 1_800_000,
      allowProcess: true,
      dryRun: true
    },
    { ...order, isolation: 'process', walls: [], dryRun: true }
  ],
  [['sell', 'pause'], 'sell.pause', { paused: true, dryRun: false }, { paused: true }],
  [['sell', 'resume', '--dry-run'], 'sell.pause', { paused: false, dryRun: true }, { paused: false }],
  [['jobs'], 'jobs', {}, { jobs: [jobEntry, { ...jobEntry, status: 'ok', exitCode: 3 }] }],
  [['job', 'cancel', a], 'job.cancel', { id: a, dryRun: false }, { id: a, state: 'CANCELLED' }],
  [['withdraw', b], 'withdraw', { id: b, dryRun: false }, { id: b, inBook: true, note: '' }],
  [['mirror', '.'], 'mirror', { copies: 2, time: 30 * DAY, path: resolve('.'), dryRun: false }, mirrored],
  [
    [
      'mirror',
      '.',
      '--copies',
      '4',
      '--max-price',
      '1 msat/TiB-month',
      '--prepay-max',
      '2.5 sat',
      '--dry-run'
    ],
    'mirror',
    { maxPrice: '1', prepayMaxMsat: '2500', copies: 4, time: 30 * DAY, path: resolve('.'), dryRun: true },
    { ...mirrored, dryRun: true }
  ],
  [
    ['mirror', '.', '--offer', '20 sat/GiB-month', '--max-price', '25 sat/GiB-month'],
    'mirror',
    {
      ...{ offer: '20480000', maxPrice: '25600000' },
      ...{ copies: 2, time: 30 * DAY, path: resolve('.'), dryRun: false }
    },
    mirrored
  ],
  [
    ['mirror', '.', '--name', 'films'],
    'mirror',
    { name: 'films', copies: 2, time: 30 * DAY, path: resolve('.'), dryRun: false },
    { ...mirrored, paidMsat: '200000', kept: true }
  ],
  [
    ['mirrors'],
    'mirrors',
    {},
    { mirrors: [mirrorEntry, { ...mirrorEntry, next: { what: 'upload', at: 0 } }] }
  ],
  [
    ['mirrors', 'show', 'films'],
    'mirrors.show',
    { mirror: 'films' },
    { ...mirrorEntry, link, leases: [copy] }
  ],
  [['mirrors', 'link', 'films'], 'mirrors.show', { mirror: 'films' }, { ...mirrorEntry, link, leases: [] }],
  [
    ['mirrors', 'check', 'films'],
    'mirrors.check',
    { mirror: 'films' },
    { ok: true, copies: [{ lease: a, result: 'held', samples: 4, ms: 120 }] }
  ],
  [
    ['mirrors', 'rename', 'films', 'old films'],
    'mirrors.rename',
    { mirror: 'films', name: 'old films', dryRun: false },
    { id: mirrorEntry.id, name: 'old films' }
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
