import createTestnet from 'hyperdht/testnet.js'
import { medianPair, quantile } from '../figure.js'
import type { Bench, Figure, Pair } from '../figure.js'
import type { Ran, Run } from './end.js'
import { MoneyPair } from './money-pair.js'
import { inFolder } from '../stage.js'

const RUNS: Run[] = [
  { lanes: 1, installments: 24 },
  { lanes: 8, installments: 12 },
  { lanes: 32, installments: 8 }
]
const QUICK: Run[] = RUNS.map(({ lanes }) => ({ lanes, installments: 2 }))
const ROUNDS = 9
const TARGET_LANES = 8
const TARGET = 0.7
const BARE =
  'LDK called directly in one process at each end, with the same commit log and syncs, no ledger, no payments'

/** Payments of installments from one node to another, recorded in both ledgers, compared with LDK alone. */
export const paymentsBench: Bench = {
  name: 'payments',
  about: 'payments a second and how long one takes, at 1, 8 and 32 in flight, beside bare LDK',
  async run({ quick, say }) {
    const rounds = quick ? 1 : ROUNDS
    return inFolder(async folder => {
      const net = await createTestnet(3, { host: '127.0.0.1' })
      const open: MoneyPair[] = []
      const pairOf = async (kind: 'payments' | 'bare'): Promise<MoneyPair> => {
        const pair = await MoneyPair.open(kind, folder, net.bootstrap)
        open.push(pair)
        return pair
      }
      try {
        const payments = await pairOf('payments')
        const bare = await pairOf('bare')
        const figures: Figure[] = []
        for (const run of quick ? QUICK : RUNS) {
          const rates: Pair[] = []
          const took: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] }
          if (!quick) for (const pair of [payments, bare]) await pair.run({ ...run, installments: 2 })
          for (let round = 0; round < rounds; round++) {
            const ours = await payments.run(run)
            const theirs = await bare.run(run)
            const pair = { measured: rateOf(ours), baseline: rateOf(theirs) }
            say(`${run.lanes} in flight: ${pair.measured.toFixed(1)}/s, bare ${pair.baseline.toFixed(1)}/s`)
            rates.push(pair)
            took.ours.push(...ours.latencies)
            took.theirs.push(...theirs.latencies)
          }
          figures.push(...figuresOf(run, rates, took))
        }
        return figures
      } finally {
        for (const pair of open) await pair.end()
        await net.destroy()
      }
    })
  }
}

function figuresOf(
  { lanes, installments }: Run,
  rates: Pair[],
  took: Record<'ours' | 'theirs', number[]>
): Figure[] {
  const { measured, baseline } = medianPair(rates)
  const note = `${lanes * installments} payments, ${rates.length} pairs`
  const rate: Figure = {
    name: `payments, ${lanes} in flight`,
    measured,
    unit: '/s',
    baseline: { name: BARE, value: baseline },
    note: `${note}, listed, invoiced, bound, paid, told and acknowledged`
  }
  if (lanes === TARGET_LANES) rate.target = { atLeast: TARGET }
  const latency = (name: string, share: number): Figure => ({
    name: `one payment, ${lanes} in flight, ${name}`,
    measured: quantile(took.ours, share),
    unit: 'ms',
    baseline: { name: `the same, ${name}`, value: quantile(took.theirs, share) },
    note
  })
  return [rate, latency('median', 0.5), latency('p95', 0.95)]
}

/** Payments a second. */
function rateOf({ ms, latencies }: Ran): number {
  return (1000 * latencies.length) / ms
}
