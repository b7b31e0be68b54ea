import { rm } from 'node:fs/promises'
import type { RestoreResult } from '../../src/node/api/api.js'
import type { Lab } from '../../test/system/network/lab.js'
import type { World } from '../../test/world/world.js'
import type { Figure, Settings } from '../figure.js'
import { inLab } from '../stage.js'
import { writeFileOf } from '../storage/goods.js'
import { timedMirror } from '../storage/mirror-rate.js'
import { BUYER, SELLER, linkOf, openHomes } from './homes.js'

/** A rate at which the bytes of the beginning take no time beside the delay. */
const MBIT = 1000
const NEAR_MS = 100
const FAR_MS = 300
const BYTES = 10_000_000

/**
 * Round trips before the first byte of a restore: what takes time on the machine takes it with either delay, so that the
 * difference of two delays has only the ways of the messages in it. Of several runs the fastest counts: other load of the
 * machine makes them slower, never faster.
 */
export async function firstByte({ quick, say }: Settings): Promise<Figure[]> {
  const runs = quick ? 1 : 3
  return inLab(async lab => {
    await openHomes(lab, { sellers: [SELLER], shape: linkOf(MBIT, NEAR_MS) })
    const { world } = lab
    const restores: Record<number, Moments[]> = { [NEAR_MS]: [], [FAR_MS]: [] }
    for (let i = 0; i < runs; i++) {
      const link = await mirrored(lab, world.at(`file-${i}`)) // each has egress for three restores
      for (const roundTrip of [NEAR_MS, FAR_MS]) {
        await lab.shape(BUYER, linkOf(MBIT, roundTrip))
        const dest = world.at(`restored-${roundTrip}-${i}`)
        const moments = await timedRestore(world, link, dest)
        restores[roundTrip]!.push(moments)
        say(
          `${roundTrip} ms: found after ${ms(moments.found)}, first block after ${ms(moments.first)}, all after ${ms(moments.all)}`
        )
        await rm(dest, { recursive: true })
      }
    }
    const trips = (of: keyof Moments): number => {
      const [near, far] = [NEAR_MS, FAR_MS].map(way =>
        Math.min(...restores[way]!.map(moments => moments[of]))
      )
      return (far! - near!) / (FAR_MS - NEAR_MS)
    }
    return [
      {
        name: 'restore, round trips to the first block',
        measured: trips('first'),
        unit: 'round trips',
        target: { atMost: 8 },
        note: `10 MB, from a seller that is connected: the more that it takes at ${FAR_MS} than at ${NEAR_MS} ms, of the fastest of ${runs} each; found after ${trips('found').toFixed(1)}, whole after ${trips('all').toFixed(1)}`
      }
    ]
  })
}

/** Mirrors a new file; gives its link. */
async function mirrored(lab: Lab, file: string): Promise<string> {
  await lab.shape(BUYER, linkOf(MBIT, NEAR_MS))
  await writeFileOf(file, BYTES)
  return (await timedMirror(lab.world, file)).result.link
}

/** ms since the transfer began: the drive found, the first block written, everything in place. */
interface Moments {
  found: number
  first: number
  all: number
}

async function timedRestore(world: World, link: string, dest: string): Promise<Moments> {
  const seen: Partial<Record<'find' | keyof Moments, number>> = {}
  await world.ok<RestoreResult>(BUYER, ['restore', link, dest], {
    online: line => {
      const now = performance.now()
      if (line['step'] === 'find') seen.find ??= now
      if (line['step'] === 'list') seen.found ??= now
      if (line['step'] === 'write' && Number(line['done']) > 0) seen.first ??= now
      if ('sha256' in line) seen.all ??= now
    }
  })
  const { find = 0, found = NaN, first = NaN, all = NaN } = seen
  return { found: found - find, first: first - find, all: all - find }
}

function ms(time: number): string {
  return `${time.toFixed(0)} ms`
}
