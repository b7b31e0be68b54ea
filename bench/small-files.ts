import { KIB, MIB } from '../contracts/quantity.js'
import { median } from './figure.js'
import type { Bench } from './figure.js'
import { writeFileOf, writeTreeOf } from './goods.js'
import { PRICE, timedMirror } from './mirror-rate.js'
import { inWorld } from './stage.js'

/** Ten thousand files against one of the same size. */
export const smallBench: Bench = {
  name: 'small',
  about: 'a tree of 10,000 small files against one file of the same size',
  async run({ quick, say }) {
    const count = quick ? 1000 : 10_000
    const each = 8 * KIB
    const runs = quick ? 1 : 3
    return inWorld(async world => {
      const market = await world.found('founder', 'main')
      await world.seller('provider', market, PRICE, '--space', '8GiB')
      await world.init('buyer')
      await world.ok('buyer', ['market', 'join', market])
      const pack: { tree: number[]; file: number[] } = { tree: [], file: [] }
      const whole: { tree: number[]; file: number[] } = { tree: [], file: [] }
      for (let i = 0; i < runs; i++) {
        await writeTreeOf(world.at(`tree-${i}`), count, each)
        await writeFileOf(world.at(`file-${i}`), count * each)
        for (const kind of ['file', 'tree'] as const) {
          const { seconds } = (await timedMirror(world, world.at(`${kind}-${i}`))).result
          pack[kind].push(seconds.pack)
          whole[kind].push(seconds.pack + seconds.upload)
          say(`${kind}: packed in ${seconds.pack} s, uploaded in ${seconds.upload} s`)
        }
      }
      const one = `one file of the same ${((count * each) / MIB).toFixed(0)} MiB, median of ${runs}`
      const target = { atMost: 3 }
      return [
        {
          name: `mirror, ${count} files`,
          measured: median(whole.tree),
          unit: 's',
          baseline: { name: one, value: median(whole.file) },
          target,
          note: 'packing and upload together, to one provider'
        },
        {
          name: `packing, ${count} files`,
          measured: median(pack.tree),
          unit: 's',
          baseline: { name: one, value: median(pack.file) },
          target
        }
      ]
    })
  }
}
