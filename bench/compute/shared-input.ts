import { randomBytes } from 'node:crypto'
import { MIB } from '../../contracts/money/quantity.js'
import { moduleOf } from '../../test/samples/modules.js'
import type { Figure, Settings } from '../figure.js'
import { bought, inJobMarket, jobOf } from './job-market.js'
import type { JobMarket } from './job-market.js'

/** One large input for many jobs with one provider, which should be sent once. */
export async function sharedInput({ quick, say }: Settings): Promise<Figure[]> {
  const [jobs, bytes] = quick ? [5, 4 * MIB] : [50, 100 * MIB]
  const files = [{ path: 'input', bytes: randomBytes(bytes) }]
  const job = (i: number) => jobOf(moduleOf(), [String(i)], files)
  return inJobMarket({ count: 1, warm: 1, cores: 1 }, async market => {
    await bought(market, jobOf(moduleOf())) // it opens connection and channel
    const before = sentBytes(market)
    const first = await bought(market, job(0))
    say(`the first job with it: ${first.toFixed(0)} ms, ${mb(sentBytes(market) - before).toFixed(1)} MB sent`)
    let all = first
    for (let i = 1; i < jobs; i++) all += await bought(market, job(i))
    const sent = sentBytes(market) - before
    say(`${jobs} jobs with it: ${(all / 1000).toFixed(1)} s, ${mb(sent).toFixed(1)} MB sent`)
    const input = `an input of ${bytes / MIB} MiB`
    return [
      {
        name: `sent for ${jobs} jobs with ${input}`,
        measured: mb(sent),
        unit: 'MB',
        baseline: { name: `${jobs} times the input`, value: mb(jobs * bytes) },
        target: { atMost: quick ? 0.3 : 0.03 },
        note: 'all bytes that left the buyer, as UDX counts them'
      },
      {
        name: `${jobs} jobs with ${input}, one after another`,
        measured: all / 1000,
        unit: 's',
        baseline: { name: 'the first of them, which sends it', value: first / 1000 }
      }
    ]
  })
}

function sentBytes({ node }: JobMarket): number {
  return node.network.streams.reduce((sum, { rawStream }) => sum + rawStream.bytesTransmitted, 0)
}

function mb(bytes: number): number {
  return bytes / 1e6
}
