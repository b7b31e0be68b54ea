import type { Method, Params } from '../../../src/node/api/api.js'

const key = 'y'.repeat(52)
const link = `bushel://${'y'.repeat(109)}`
const program = {
  module: '/job.wasm',
  args: ['--level', '9'],
  limits: { wallMs: 1000, memoryBytes: 1 << 20, inodes: 7 },
  seed: 'ab'.repeat(32),
  out: '/out',
  force: false
}
const map = { base: '/in', pattern: 'chunks/*', parallel: 4 }
const buy = { market: 'here', verify: 2, maxMsat: '100000', offer: '30000', maxPrice: '40000' }
const job = { ...program, input: '/in', stdin: '/stdin', ...buy }

/** For each call parameters that it accepts, with every field given. */
export const VALID: { [M in Method]: Params<M> } = {
  status: {},
  'market.create': { name: 'here', rules: { maxOrders: 8 }, dryRun: true },
  'market.join': { key, dryRun: true },
  'market.use': { market: key, dryRun: true },
  'market.leave': { market: key, dryRun: true },
  'market.list': {},
  'market.admit': { market: 'here', device: key, dryRun: true },
  book: { market: 'here', resource: 'storage', limit: 10, waitMs: 0 },
  'sell.storage': {
    market: 'here',
    space: 1 << 30,
    price: '25600000',
    floor: '20000000',
    minTime: 3_600_000,
    maxTime: 86_400_000,
    region: 'eu',
    lifetime: 86_400_000,
    dryRun: true
  },
  'bid.storage': {
    market: 'here',
    path: '/photos',
    name: 'photos',
    exclude: ['*.tmp'],
    copies: 3,
    time: 86_400_000,
    offer: '20480000',
    maxPrice: '30720000',
    prepayMaxMsat: '5000',
    dryRun: true
  },
  withdraw: { id: key, dryRun: true },
  mirror: {
    market: 'here',
    path: '/photos',
    name: 'photos',
    exclude: ['*.tmp'],
    copies: 2,
    time: 86_400_000,
    offer: '20480000',
    maxPrice: '30720000',
    prepayMaxMsat: '5000',
    ahead: 86_400_000,
    dryRun: true
  },
  mirrors: {},
  'mirrors.show': { mirror: 'photos' },
  'mirrors.check': { mirror: 'photos' },
  'mirrors.rename': { mirror: 'photos', name: 'holidays', dryRun: true },
  'mirrors.extend': { mirror: 'photos', time: 86_400_000, dryRun: true },
  'mirrors.export': { mirror: 'films', file: '/tmp/films.mirror', force: true, dryRun: true },
  'mirrors.import': { file: '/tmp/films.mirror', words: 'abandon art', dryRun: true },
  'mirrors.renew': { mirror: 'photos', on: true, dryRun: true },
  'mirrors.end': { mirror: 'photos', dryRun: true },
  restore: { link, dest: '/back', force: true, dryRun: true },
  leases: {},
  'leases.end': { id: key, dryRun: true },
  'sell.compute': {
    market: 'here',
    cores: 2,
    memory: 1 << 30,
    price: '40000',
    floor: '30000',
    baseMsat: '1000',
    region: '',
    onlyIdle: false,
    hours: { from: 1320, to: 425 },
    maxWallMs: 7_200_000,
    maxCpuMs: 3_600_000,
    beyondMachine: true,
    allowProcess: true,
    lifetime: 86_400_000,
    dryRun: true
  },
  'sell.pause': { paused: true, dryRun: true },
  'bid.compute': { ...job, dryRun: true },
  run: job,
  'run.map': { ...program, map, ...buy },
  'run.estimate': { ...job, map },
  'run.local': { ...program, input: '/in', stdin: '/stdin' },
  'run.map.local': { ...program, map },
  jobs: {},
  'job.output': { id: key, out: '/out', force: false, dryRun: true },
  'job.cancel': { id: key, dryRun: true },
  wallet: {},
  'wallet.history': { limit: 7 },
  'wallet.stuck': {},
  'wallet.invoice': { msat: '1500', description: 'tea', expirySeconds: 3600, dryRun: true },
  'wallet.pay': { invoice: 'lnbcrt1abc', maxMsat: '2000', dryRun: true },
  'wallet.limits': {
    dealMsat: '10000',
    dayMsat: null,
    peerMsat: '5000',
    feePercent: 0.5,
    feeMinMsat: '1000',
    dryRun: true
  },
  'log.check': {}
}
