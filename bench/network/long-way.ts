import { rm } from 'node:fs/promises'
import type { RestoreResult } from '../../src/node/api/api.js'
import type { Lab } from '../../test/system/network/lab.js'
import { medianPair, rate } from '../figure.js'
import type { Figure, Pair, Settings } from '../figure.js'
import { inLab } from '../stage.js'
import { writeFileOf } from '../storage/goods.js'
import { timedMirror } from '../storage/mirror-rate.js'
import { BARE_BLOCK } from './bare-block.js'
import { BarePair } from './bare-pair.js'
import { BUYER, SELLER, linkOf, megabytesOf, openHomes } from './homes.js'

/** Rates to try, Mbit/s: the first one that this machine can carry is measured. */
const RATES = [100, 50, 25]
/** Of the rate, a stream without delay reaches at least this much where the machine carries it; the rest is headers. */
const CARRIED = 0.9
/** 300 MB at the first rate; at a lower one as much as takes the same time. */
const WHOLE_BLOCKS = 1144
const ROUND_TRIPS = [40, 100]
const NEAR_MS = 2

interface Carried {
  mbit: number
  /** What was carried without delay, MB/s. */
  tcp: number
  stream: number
}

/** One seller, with the buyer behind a link: mirror and restore against a bare Hypercore in the same direction. */
export async function longWay({ quick, say }: Settings): Promise<Figure[]> {
  const runs = quick ? 1 : 2
  return inLab(async lab => {
    await openHomes(lab, { sellers: [SELLER], shape: linkOf(RATES[0]!, NEAR_MS) })
    const bare = await BarePair.open(lab)
    const carried = await whatIsCarried(lab, bare, quick)
    const found = `at ${NEAR_MS} ms the link of ${carried.mbit} Mbit/s carried TCP at ${mbits(carried.tcp)} and a stream of hyperdht at ${mbits(carried.stream)} Mbit/s`
    say(found)
    const blocks = quick ? 32 : Math.round((WHOLE_BLOCKS * carried.mbit) / RATES[0]!)
    const figures: Figure[] = []
    for (const roundTrip of ROUND_TRIPS) {
      await lab.shape(BUYER, linkOf(carried.mbit, roundTrip))
      const pairs = await measure(lab, bare, { blocks, runs, say, roundTrip })
      const baseline = `a bare encrypted Hypercore over hyperdht and the same link, ${mb(blocks)} MB, of ${runs} pair(s) the lower median; ${found}`
      const figure = (name: string, of: Pair[], target: boolean, note: string): Figure => {
        const { measured, baseline: value } = medianPair(of)
        return {
          name: `${name}, ${carried.mbit} Mbit/s, ${roundTrip} ms`,
          measured,
          unit: 'MB/s',
          baseline: { name: baseline, value },
          ...(target ? { target: { atLeast: 0.9 } } : {}),
          note
        }
      }
      figures.push(
        figure('mirror', pairs.mirror, true, 'seconds.upload: agreement, upload, seal, audits, payments'),
        figure(
          'mirror, transfer alone',
          pairs.upload,
          false,
          'from the first payment to the last block told'
        ),
        figure('restore', pairs.restore, true, 'from the call to the last file in place')
      )
    }
    return figures
  })
}

/** Finds the highest rate that wire and processes carry on this machine. */
async function whatIsCarried(lab: Lab, bare: BarePair, quick: boolean): Promise<Carried> {
  let carried: Carried = { mbit: 0, tcp: 0, stream: 0 }
  for (const mbit of RATES) {
    await lab.shape(BUYER, linkOf(mbit, NEAR_MS))
    const bytes = ((quick ? 0.5 : 5) * mbit * 1e6) / 8
    carried = { mbit, tcp: await bare.tcp(bytes), stream: await bare.stream(bytes) }
    if (Math.min(carried.tcp, carried.stream) >= CARRIED * megabytesOf(mbit)) break
  }
  return carried
}

interface Pairs {
  mirror: Pair[]
  upload: Pair[]
  restore: Pair[]
}

async function measure(
  lab: Lab,
  bare: BarePair,
  how: { blocks: number; runs: number; roundTrip: number; say: (what: string) => void }
): Promise<Pairs> {
  const { blocks, runs, roundTrip, say } = how
  const { world } = lab
  const bytes = blocks * BARE_BLOCK
  const pairs: Pairs = { mirror: [], upload: [], restore: [] }
  for (let i = 0; i < runs; i++) {
    const file = world.at(`file-${roundTrip}-${i}`)
    const dest = world.at(`restored-${roundTrip}-${i}`)
    await writeFileOf(file, bytes)
    const up = await bare.core(BUYER, blocks, bytes)
    const { result, transferMs } = await timedMirror(world, file)
    pairs.mirror.push({ measured: rate(bytes, result.seconds.upload * 1000), baseline: up })
    pairs.upload.push({ measured: rate(bytes, transferMs), baseline: up })
    await rm(file)
    const down = await bare.core(SELLER, blocks, bytes)
    const { seconds } = await world.ok<RestoreResult>(BUYER, ['restore', result.link, dest], {
      timeoutMs: 600_000
    })
    pairs.restore.push({ measured: rate(bytes, seconds * 1000), baseline: down })
    await rm(dest, { recursive: true })
    const shown = [up, pairs.mirror[i]!.measured, pairs.upload[i]!.measured, down, pairs.restore[i]!.measured]
    const [a, b, c, d, e] = shown.map(value => value.toFixed(2))
    say(
      `${roundTrip} ms, run ${i + 1}: bare ${a}, mirror ${b}, its transfer ${c}; bare ${d}, restore ${e} MB/s`
    )
  }
  return pairs
}

function mb(blocks: number): string {
  return ((blocks * BARE_BLOCK) / 1e6).toFixed(0)
}

function mbits(megabytes: number): string {
  return (megabytes * 8).toFixed(0)
}
