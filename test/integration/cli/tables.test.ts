import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MINUTE } from '../../../contracts/money/quantity.js'
import { compute } from '../../../src/compute/resource.js'
import type { Resource } from '../../../src/deal/resource.js'
import { storage } from '../../../src/storage/resource.js'
import { runCommandLine } from '../../parts/cli/command-line.js'
import { DAY, a, b, jobEntry, lease, record, status } from './sample-answers.js'
import { serveNode } from './served-node.js'

const { node, home } = serveNode()

/** How a node says that the orders of a resource are shown. */
function shownAs({ id, prices, book }: Resource): object {
  return {
    resource: id,
    prices: prices.map(({ unit, times }) => ({ unit, times: times.toString() })),
    columns: { asks: book.asks, bids: book.bids }
  }
}

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
    allBytes: 3e9,
    time: DAY,
    copies: 3,
    price: '25600000',
    expires: DAY
  }
  const book = {
    market: a,
    name: 'here',
    viewHash: b,
    asks: [{ ...ask, seen: Date.now() - 3 * MINUTE }, ask],
    bids: [bid],
    ...shownAs(storage),
    inStep: true,
    tick: Date.now()
  }
  node.answer = () => book
  const { stdout } = await runCommandLine(['book', '--home', home])
  assert.match(stdout, /in step/)
  assert.match(stdout, /2 TiB/, 'the depth after two asks')
  assert.match(stdout, /SEEN[^]*3min/)
  assert.match(stdout, /3 +953\.7 MiB +2\.79 GiB/)
  assert.doesNotMatch(stdout, /\u001b|\u202e/)
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`)
  node.answer = () => ({ ...book, inStep: false, asks: [], bids: [] })
  assert.match(
    (await runCommandLine(['book', 'storage', '--home', home])).stdout,
    /NOT in step[^]*no asks[^]*no bids/
  )
})

test('the compute book fits 80 columns, whatever text strangers wrote into it', async () => {
  const ask = {
    id: a,
    identity: b,
    device: b,
    price: '1500000',
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
    asks: [{ ...ask, seen: Date.now() }],
    bids: [bid],
    ...shownAs(compute),
    inStep: true,
    tick: Date.now()
  }
  node.answer = () => book
  const { stdout } = await runCommandLine(['book', 'compute', '--home', home])
  assert.deepEqual(node.asked.at(-1)!.params, { resource: 'compute' })
  assert.match(stdout, /1 500 sat\/Tfuel +1\.5 sat +1024 +1 TiB +process/)
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
