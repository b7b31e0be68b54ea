import { MIB } from '../../contracts/money/quantity.js'
import type { MirrorEntry, MirrorResult } from '../../src/node/api/api.js'
import type { World } from '../../test/world/world.js'
import { medianPair } from '../figure.js'
import type { Bench, Pair } from '../figure.js'
import { inMarket } from '../stage.js'
import { writeFileOf } from './goods.js'
import { PRICE, timedMirror } from './mirror-rate.js'

const PROVIDERS = ['one', 'two', 'three']

/** A lost copy that another provider makes anew from the one that is left. */
export const repairBench: Bench = {
  name: 'repair',
  about: 'a lost copy made anew from another one, against its upload',
  async run({ quick, say }) {
    const bytes = (quick ? 32 : 256) * MIB
    const runs = quick ? 1 : 3
    return inMarket({ price: PRICE, providers: PROVIDERS }, async world => {
      await world.up('buyer')
      const pairs: Pair[] = []
      for (let i = 0; i < runs; i++) {
        const file = world.at(`file-${i}`)
        await writeFileOf(file, bytes)
        const { result: one } = await timedMirror(world, file)
        await world.ok('buyer', ['mirrors', 'end', one.name])
        const { result: two } = await timedMirror(world, file, 2)
        const ms = await repaired(world, two)
        await world.ok('buyer', ['mirrors', 'end', two.name])
        pairs.push({ measured: ms, baseline: one.seconds.upload * 1000 })
        say(`run ${i + 1}: uploaded in ${one.seconds.upload} s, made anew in ${(ms / 1000).toFixed(3)} s`)
      }
      const { measured, baseline } = medianPair(pairs)
      return [
        {
          name: 'a copy made anew',
          measured,
          unit: 'ms',
          baseline: {
            name: `agreement, upload, seal, audits and payments of one copy, ${bytes / MIB} MiB, median pair of ${runs}`,
            value: baseline
          },
          target: { atMost: 1.3 },
          note: 'from the audit that finds the loss until both copies are healthy; the buyer sends nothing'
        }
      ]
    })
  }
}

/** Has a provider give its copy up; ms from the audit that finds it until both are healthy again. */
async function repaired(world: World, { name, leases }: MirrorResult): Promise<number> {
  for (const provider of PROVIDERS) {
    const own = (await world.leases(provider)).find(({ id }) => id === leases[0])
    if (own) await world.ok(provider, ['leases', 'end', own.id])
  }
  const begun = performance.now()
  await world.run('buyer', ['mirrors', 'check', name])
  const watching = world.start('buyer', ['mirrors', '--watch'])
  await watching.line(line => {
    const all = (line['mirrors'] ?? []) as MirrorEntry[]
    return all.find(mirror => mirror.name === name)?.copies.healthy === 2
  })
  const ms = performance.now() - begun
  await watching.kill('SIGINT')
  return ms
}
