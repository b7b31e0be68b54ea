import { readFile } from 'node:fs/promises'
import { MIB } from '../../contracts/money/quantity.js'
import type { MirrorResult } from '../../src/node/api/api.js'
import type { World } from '../../test/world/world.js'
import type { Bench, Figure } from '../figure.js'
import { writeFileOf, writeTreeOf } from './goods.js'
import { PRICE } from './mirror-rate.js'
import { inWorld } from '../stage.js'

const MOST_MB = 350
const LOOK_EVERY = 100
/** Bytes of each of many files. */
const SMALL = 100

/** Memory of each process of the executable; the Lightning process of a node is separate and not counted. */
export const memoryBench: Bench = {
  name: 'memory',
  about:
    'peak resident memory of every process while 1 GiB is mirrored and restored, and of the buyer of 60,000 files',
  async run({ quick, say }) {
    const bytes = (quick ? 64 : 1024) * MIB
    return inWorld(async world => {
      await world.init('founder')
      const founder = await world.up('founder')
      const { key } = await world.ok<{ key: string }>('founder', ['market', 'create', '--name', 'main'])
      const provider = await world.seller('provider', key, PRICE, '--space', '4GiB')
      await world.init('buyer')
      await world.ok('buyer', ['market', 'join', key])
      await world.init('reader')
      const file = world.at('file')
      await writeFileOf(file, bytes)
      const peaks = new Map<string, number>()
      const mirror = [
        'mirror',
        file,
        '--copies',
        '1',
        '--time',
        '365d',
        '--ahead',
        'all',
        '--yes',
        '--prepay-max',
        '100000 sat'
      ]
      const bought = await watched(world, 'buyer', mirror)
      peaks.set('buyer (mirror)', bought.peak)
      peaks.set('provider, after the upload', await peakOf(provider.process.pid))
      say(`mirrored; buyer ${bought.peak.toFixed(0)} MB`)
      const { link } = bought.result as unknown as MirrorResult
      const read = await watched(world, 'reader', ['restore', link, world.at('restored')])
      peaks.set('reader (restore)', read.peak)
      peaks.set('provider', await peakOf(provider.process.pid))
      peaks.set('founder', await peakOf(founder.process.pid))
      const count = quick ? 5_000 : 60_000
      const tree = world.at('tree')
      await writeTreeOf(tree, count, SMALL)
      const many = await watched(world, 'buyer', ['mirror', tree, ...mirror.slice(2)])
      say(`mirrored ${count} files; buyer ${many.peak.toFixed(0)} MB`)
      const figure = (name: string, measured: number, what: string): Figure => ({
        ...{ name: `memory, ${name}`, measured, unit: 'MB', target: { atMost: MOST_MB } },
        note: `VmHWM, ${what} mirrored to one provider`
      })
      return [
        ...[...peaks].map(([name, peak]) => figure(name, peak, `${bytes / MIB} MiB`)),
        figure('buyer (mirror of small files)', many.peak, `${count} files of ${SMALL} bytes`)
      ]
    })
  }
}

/** Runs a command to its end and returns the peak memory of its process. */
async function watched(
  world: World,
  name: string,
  args: string[]
): Promise<{ peak: number; result: Record<string, unknown> }> {
  const started = world.processes.start(args, { home: world.at(name) })
  let peak = 0
  const look = async (): Promise<void> => {
    if (started.running) peak = Math.max(peak, await peakOf(started.pid))
  }
  const timer = setInterval(() => {
    look().catch(() => undefined) // it has ended in between: what was seen before stands
  }, LOOK_EVERY)
  try {
    const { code } = await started.ended
    const result = started.lines.at(-1) ?? {}
    if (code !== 0) throw new Error(`${started.command}: ${JSON.stringify(result)} ${started.stderr}`)
    return { peak, result }
  } finally {
    clearInterval(timer)
  }
}

/** Peak resident memory so far, MB. */
async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kib === undefined) throw new Error('this system does not tell the peak memory of a process')
  return (Number(kib) * 1024) / 1e6
}
