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
import { FULL_MBIT, foundOf } from './carried.js'
import type { Carried } from './carried.js'
import { BUYER, SELLER, linkOf, openHomes } from './homes.js'

/** 300 MB at the first rate; at a lower one as much as takes the same time. */
const WHOLE_BLOCKS = 1144
const ROUND_TRIPS = [40, 100]

/** One seller, with the buyer behind a link: mirror and restore against a bare Hypercore in the same direction. */
export async function longWay({ quick, say }: Settings, carried: Carried): Promise<Figure[]> {
  const runs = quick ? 1 : 2
  return inLab(async lab => {
    await openHomes(lab, { sellers: [SELLER], shape: linkOf(carried.mbit, ROUND_TRIPS[0]!) })
    const bare = await BarePair.open(lab)
    const blocks = quick ? 32 : Math.round((WHOLE_BLOCKS * carried.mbit) / FULL_MBIT)
    const figures: Figure[] = []
    for (const roundTrip of ROUND_TRIPS) {
      await lab.shape(BUYER, linkOf(carried.mbit, roundTrip))
      const pairs = await measure(lab, bare, { blocks, runs, say, roundTrip })
      const baseline = `a bare encrypted Hypercore over hyperdht and the same link, ${mb(blocks)} MB, of ${runs} pair(s) the lower median; ${foundOf(carried)}`
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
