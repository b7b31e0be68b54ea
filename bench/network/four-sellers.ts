import { rm } from 'node:fs/promises'
import type { RestoreResult } from '../../src/node/api/api.js'
import { median, rate } from '../figure.js'
import type { Figure, Settings } from '../figure.js'
import { inLab } from '../stage.js'
import { writeFileOf } from '../storage/goods.js'
import { timedMirror } from '../storage/mirror-rate.js'
import { FULL_MBIT, foundOf } from './carried.js'
import type { Carried } from './carried.js'
import { BUYER, linkOf, megabytesOf, openHomes } from './homes.js'

const SELLERS = ['first', 'second', 'third', 'fourth']
/** 20 Mbit/s each where the machine carries 100. */
const SHARE = 5
const ROUND_TRIP_MS = 20
const WHOLE_BYTES = 160e6

/** A restore from four sellers at once, each behind a slow link of its own. */
export async function fourSellers({ quick, say }: Settings, carried: Carried): Promise<Figure[]> {
  const mbit = carried.mbit / SHARE
  const bytes = quick ? 8 << 20 : Math.round((WHOLE_BYTES * carried.mbit) / FULL_MBIT)
  const runs = quick ? 1 : 3
  return inLab(async lab => {
    await openHomes(lab, { sellers: SELLERS, sellerShape: linkOf(1000, 2) })
    const { world } = lab
    const file = world.at('file')
    await writeFileOf(file, bytes)
    const { result } = await timedMirror(world, file, SELLERS.length)
    for (const seller of SELLERS) await lab.shape(seller, linkOf(mbit, ROUND_TRIP_MS))
    const rates: number[] = []
    const times: number[] = []
    for (let i = 0; i < runs; i++) {
      const dest = world.at(`restored-${i}`)
      const before = SELLERS.map(seller => lab.sent(seller))
      const { seconds } = await world.ok<RestoreResult>(BUYER, ['restore', result.link, dest], {
        timeoutMs: 600_000
      })
      rates.push(rate(bytes, seconds * 1000))
      const sent = SELLERS.map((seller, j) => lab.sent(seller) - before[j]!)
      times.push(sent.reduce((sum, of) => sum + of, 0) / bytes)
      const each = sent.map(of => (of / 1e6).toFixed(1)).join(', ')
      say(`${(bytes / 1e6).toFixed(0)} MB at ${rates[i]!.toFixed(2)} MB/s; sent by each: ${each} MB`)
      await rm(dest, { recursive: true })
    }
    return [
      {
        name: 'restore, four sellers',
        measured: median(rates),
        unit: 'MB/s',
        baseline: {
          name: `the sum of their links, ${SELLERS.length} times ${mbit} Mbit/s with ${ROUND_TRIP_MS} ms, headers in it; ${(bytes / 1e6).toFixed(0)} MB, median of ${runs}; ${foundOf(carried)}`,
          value: SELLERS.length * megabytesOf(mbit)
        },
        target: { atLeast: 0.85 },
        note: 'from the call to the last file in place'
      },
      {
        name: 'restore, four sellers, bytes sent',
        measured: median(times),
        unit: 'times',
        target: { atMost: 1.2 },
        note: 'bytes that the sellers sent, headers in them, of the bytes of the file'
      }
    ]
  })
}
