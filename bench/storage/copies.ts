import { MIB } from '../../contracts/money/quantity.js'
import { median, rate } from '../figure.js'
import type { Bench } from '../figure.js'
import { writeFileOf } from './goods.js'
import { PRICE, timedMirror } from './mirror-rate.js'
import { inMarket } from '../stage.js'

/** Several copies of one mirror, which the buyer packs only once. */
export const copiesBench: Bench = {
  name: 'copies',
  about: 'two providers at once against one: no second packing',
  async run({ quick, say }) {
    const bytes = (quick ? 16 : 128) * MIB
    const runs = quick ? 1 : 3
    return inMarket({ price: PRICE, providers: ['first', 'second'] }, async world => {
      const pack: Record<number, number[]> = { 1: [], 2: [] }
      const upload: Record<number, number[]> = { 1: [], 2: [] }
      let packings = 0
      for (let i = 0; i < runs; i++) {
        for (const copies of [1, 2]) {
          const file = world.at(`file-${i}-${copies}`)
          await writeFileOf(file, bytes)
          const { result, packings: times } = await timedMirror(world, file, copies)
          pack[copies]!.push(result.seconds.pack * 1000)
          upload[copies]!.push(result.seconds.upload * 1000)
          if (copies === 2) packings = Math.max(packings, times)
          say(`${copies}: packed in ${result.seconds.pack} s, uploaded in ${result.seconds.upload} s`)
        }
      }
      return [
        {
          name: 'packed for two copies',
          measured: packings,
          unit: 'times',
          target: { atMost: 1 }
        },
        {
          name: 'packing, two copies',
          measured: Math.min(...pack[2]!),
          unit: 'ms',
          baseline: {
            name: `packing the same for one, ${bytes / MIB} MiB, quickest of ${runs}`,
            value: Math.min(...pack[1]!)
          },
          target: { atMost: 1.25 }
        },
        {
          name: 'upload, two copies',
          measured: rate(2 * bytes, median(upload[2]!)),
          unit: 'MB/s',
          baseline: {
            name: 'the upload of one copy; bytes of both copies counted',
            value: rate(bytes, median(upload[1]!))
          }
        }
      ]
    })
  }
}
