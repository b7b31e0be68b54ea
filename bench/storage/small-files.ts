import { KIB, MIB } from '../../contracts/money/quantity.js'
import { medianPair } from '../figure.js'
import type { Bench, Figure, Pair } from '../figure.js'
import { writeFileOf, writeTreeOf } from './goods.js'
import { PRICE, timedMirror } from './mirror-rate.js'
import { inMarket } from '../stage.js'

/** Ten thousand files compared with one file of the same total size. */
export const smallBench: Bench = {
  name: 'small',
  about: 'a tree of 10,000 small files against one file of the same size',
  async run({ quick, say }) {
    const count = quick ? 1000 : 10_000
    const each = 8 * KIB
    const runs = quick ? 1 : 3
    return inMarket({ price: PRICE, providers: ['provider'] }, async world => {
      const pack: Pair[] = []
      const whole: Pair[] = []
      for (let i = 0; i < runs; i++) {
        await writeTreeOf(world.at(`tree-${i}`), count, each)
        await writeFileOf(world.at(`file-${i}`), count * each)
        const [file, tree] = [
          (await timedMirror(world, world.at(`file-${i}`))).result.seconds,
          (await timedMirror(world, world.at(`tree-${i}`))).result.seconds
        ]
        pack.push({ measured: tree.pack, baseline: file.pack })
        whole.push({ measured: tree.pack + tree.upload, baseline: file.pack + file.upload })
        say(
          `file: ${file.pack} s to pack, ${file.upload} s to upload; tree: ${tree.pack} s and ${tree.upload} s`
        )
      }
      const one = `one file of the same ${((count * each) / MIB).toFixed(0)} MiB, median pair of ${runs}`
      const figure = (pairs: Pair[]): Pick<Figure, 'measured' | 'unit' | 'baseline' | 'target'> => {
        const { measured, baseline } = medianPair(pairs)
        return { measured, unit: 's', baseline: { name: one, value: baseline }, target: { atMost: 3 } }
      }
      return [
        {
          name: `mirror, ${count} files`,
          ...figure(whole),
          note: 'packing and upload together, to one provider'
        },
        { name: `packing, ${count} files`, ...figure(pack) }
      ]
    })
  }
}
