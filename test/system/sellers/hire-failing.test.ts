import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatKey } from '../../../contracts/keys/key.js'
import { change } from '../../../src/store/change.js'
import { peerTable } from '../../../src/deal/tables.js'
import { neverAnswer } from '../../parts/peers/lies.js'
import { WAYS, answerWithFaults } from '../../parts/peers/wire-faults.js'
import { openBuyerJobs, workRequest } from '../../integration/compute/pair/buyer-jobs.js'
import {
  BASE,
  PRICE,
  NodeGroup,
  balance,
  never,
  sellCompute
} from '../../integration/compute/pair/node-group.js'
import { sandboxes } from '../../integration/compute/pair/sandboxes.js'

/** The requests of a buyer in their order, and what may be paid when one of them fails. */
const STEPS: [method: string, loses: 'nothing' | 'begun' | 'all'][] = [
  ['hello', 'nothing'],
  ['quote', 'nothing'],
  ['agree', 'nothing'],
  ['jobProgress', 'nothing'],
  ['jobReveal', 'begun'],
  ['jobFinal', 'begun'],
  ['jobKey', 'all']
]

const SILENCE = { fault: neverAnswer, says: /did not answer|no answer to|no longer answers/ }
/** The checks of an answer's size and of an error in its place stand below the resources, and are tested with storage. */
const ELSEWHERE = new Set(['answers with nothing', 'answers with ever more bytes', 'fails to answer'])
const TABLE = STEPS.flatMap(([method, loses]) =>
  Object.entries({ 'does not answer': SILENCE, ...WAYS })
    .filter(([way]) => !ELSEWHERE.has(way))
    .map(([way, how]) => ({ method, loses, way, ...how }))
)

test('a job passes on from each seller that fails at a step', { timeout: 400_000 }, async t => {
  const group = await NodeGroup.open(t)
  const worker = { openSandbox: sandboxes({ warm: 1 }), settings: { allowProcess: true, cores: 2 } }
  const rogue = await group.node('rogue', { worker })
  const other = await group.node('other', { worker })
  const jobTimeouts = { connect: 1500, grace: 60_000, progress: 3000, answer: 1000, silence: 3000 }
  const buyer = await group.node('buyer', { serve: false, jobTimeouts })
  // High enough that something is due at the end.
  const price = PRICE * 10n
  const offers = [await sellCompute(rogue, { price }), await sellCompute(other, { price: price + 1n })]
  const buys = await buyer.trade()
  const notes: string[] = []
  const listener = {
    note: (message: string) => void notes.push(message),
    state: () => undefined,
    paid: () => undefined
  }
  const { jobs, forget } = await openBuyerJobs(t, buyer, {
    offers,
    folder: join(group.dir, 'jobs'),
    listener
  })
  const { identity } = rogue.home
  const device = rogue.home.device.publicKey

  /** Ends the connection to the failing seller; a dial of the case before may still wait for an answer. */
  async function disconnect(): Promise<void> {
    const channel = await buys.deals.open(device).catch(() => buys.deals.open(device))
    channel.disconnect()
  }

  for (const { method, loses, way, fault, says } of TABLE) {
    await t.test(`a seller that ${way} at ${method}`, async () => {
      await buyer.store.set(change(peerTable, identity, null)) // it is asked again
      forget() // and first
      if (method === 'hello') await disconnect()
      answerWithFaults(device, { [method]: fault })
      const before = new Set([...buys.compute.jobs.list('buyer')].map(({ id }) => id.toString('hex')))
      notes.length = 0
      const input = { stdin: Buffer.from(`${method} ${way}`), files: [] }
      const outcome = await jobs
        .run(workRequest(offers[0]!.market, '10', { input }), listener, never)
        .finally(() => answerWithFaults(device, {}))
      assert.equal(outcome.status, 'ok')
      const last = outcome.providers.at(-1)!
      assert.deepEqual([last.device, last.verdict], [formatKey(other.home.device.publicKey), 'equal'])
      const own = notes.filter(note => note.includes(formatKey(device).slice(0, 8)))
      assert.equal(own.length, 1, `one note that names it: ${notes.join('\n')}`)
      assert.match(own[0]!, says)
      assert.doesNotMatch(own[0]!, /[\p{Cc}\p{Cf}]/u)
      const its = [...buys.compute.jobs.list('buyer')].filter(
        ({ id, job }) => !before.has(id.toString('hex')) && job.terms.provider.device.equals(device)
      )
      const paid = its.reduce((sum, { id }) => sum + buys.ledger.totals(id).paidMsat, 0n)
      if (loses === 'nothing') assert.equal(paid, 0n)
      else assert.ok(paid >= BASE, `${paid} msat`)
    })
  }
  await t.test('the sums match the wallets', async () => {
    for (const trade of [await rogue.trade(), buys, await other.trade()])
      assert.deepEqual((await balance(trade)).faults, [])
  })
})
