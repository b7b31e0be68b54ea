import { rm } from 'node:fs/promises'
import type { RestoreResult } from '../../src/node/api/api.js'
import { median, rate } from '../figure.js'
import type { Figure, Settings } from '../figure.js'
import { inLab } from '../stage.js'
import { writeFileOf } from '../storage/goods.js'
import { timedMirror } from '../storage/mirror-rate.js'
import { BUYER, linkOf, megabytesOf, openHomes } from './homes.js'

const SELLERS = ['first', 'second', 'third', 'fourth']
const MBIT = 20
const ROUND_TRIP_MS = 20

/** A restore from four sellers at once, each behind a slow link of its own. */
export async function fourSellers({ quick, say }: Settings): Promise<Figure[]> {
  const bytes = (quick ? 8 : 120) << 20
  const runs = quick ? 1 : 3
  return inLab(async lab => {
    await openHomes(lab, { sellers: SELLERS, sellerShape: linkOf(1000, 2) })
    const { world } = lab
    const file = world.at('file')
    await writeFileOf(file, bytes)
    const { result } = await timedMirror(world, file, SELLERS.length)
    for (const seller of SELLERS) await lab.shape(seller, linkOf(MBIT, ROUND_TRIP_MS))
    const rates: number[] = []
    for (let i = 0; i < runs; i++) {
      const dest = world.at(`restored-${i}`)
      const before = SELLERS.map(seller => lab.sent(seller))
      const { seconds } = await world.ok<RestoreResult>(BUYER, ['restore', result.link, dest], {
        timeoutMs: 600_000
      })
      rates.push(rate(bytes, seconds * 1000))
      const sent = SELLERS.map((seller, j) => ((lab.sent(seller) - before[j]!) / 1e6).toFixed(1))
      say(
        `restored ${(bytes / 1e6).toFixed(0)} MB at ${rates[i]!.toFixed(2)} MB/s; sent by each: ${sent.join(', ')} MB`
      )
      await rm(dest, { recursive: true })
    }
    return [
      {
        name: 'restore, four sellers',
        measured: median(rates),
        unit: 'MB/s',
        baseline: {
          name: `the sum of their links, ${SELLERS.length} times ${MBIT} Mbit/s with ${ROUND_TRIP_MS} ms, headers in it; ${(bytes / 1e6).toFixed(0)} MB, median of ${runs}`,
          value: SELLERS.length * megabytesOf(MBIT)
        },
        target: { atLeast: 0.85 },
        note: 'from the call to the last file in place'
      }
    ]
  })
}
