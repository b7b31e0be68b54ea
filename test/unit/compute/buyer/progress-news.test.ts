import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuelFor } from '../../../../contracts/job.js'
import { ProgressNews } from '../../../../src/compute/buyer/progress-news.js'
import { ManualClock } from '../../../doubles/manual-clock.js'
import { terms as sampleTerms } from '../../../samples/job-terms.js'

const STALL = 1000
const WALL = 20_000

function reports(): { clock: ManualClock; news: ProgressNews; fuel: bigint } {
  const clock = new ManualClock()
  const sample = sampleTerms(0)
  const terms = {
    ...sample,
    limits: { ...sample.limits, wallMs: WALL },
    ...{ price: 1_000_000n, baseMsat: 1000n, maxMsat: 1_000_000n },
    ...{ firstInstallmentMsat: 5000n, maxInstallmentMsat: 5000n }
  }
  return { clock, news: new ProgressNews(terms, STALL, clock), fuel: fuelFor(terms, 1) }
}

/** The longest that a provider keeps a buyer waiting by its reports, ms. */
async function longest(report: (news: ProgressNews, n: number) => void): Promise<number> {
  const { clock, news } = reports()
  let n = 0
  for (; !news.isStalled && n < 1000; n++) {
    report(news, n)
    await clock.advance(STALL / 2)
  }
  return (n * STALL) / 2
}

test('more fuel counts as progress within the agreed running time, and no longer', async () => {
  const ended = await longest((news, n) => void news.take({ state: 'RUNNING', fuel: BigInt(n) }, 1))
  assert.ok(ended > 2 * WALL && ended < 2 * WALL + 4 * STALL, `${ended} ms`)
})

test('fuel beyond what is paid for is no progress', async () => {
  const { fuel } = reports()
  const ended = await longest(
    (news, n) => void news.take({ state: 'RUNNING', fuel: fuel + BigInt(n + 1) }, 1)
  )
  assert.ok(ended < 4 * STALL, `${ended} ms`)
})

test('a state counts once for each payment, and invented ones not for long', async () => {
  const flips = await longest(
    (news, n) => void news.take({ state: n % 2 ? 'PAUSED' : 'RUNNING', fuel: 0n }, 1)
  )
  const invented = await longest(
    (news, n) => void news.take({ state: `S${'X'.repeat(n % 30)}`, fuel: 0n }, 1)
  )
  assert.ok(flips < 4 * STALL && invented < 8 * STALL, `${flips} and ${invented} ms`)
})

test('each payment is progress', async () => {
  const ended = await longest((news, n) => void news.take({ state: 'WAITING', fuel: 0n }, Math.min(n, 50)))
  assert.ok(ended >= 25 * STALL && ended < 30 * STALL, `${ended} ms`)
})

test('a state that is no word is not shown', () => {
  const { news } = reports()
  for (const state of ['\u001b[2J', 'a state', '', 'X'.repeat(33)])
    assert.deepEqual(news.take({ state, fuel: 0n }, 0), { state: 'UNKNOWN', fuel: 0n })
})
