import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Sandbox } from '../../src/compute/sandbox/sandbox.js'
import { moduleOf } from '../../test/samples/modules.js'
import { medianPair } from '../figure.js'
import type { Figure, Pair, Settings } from '../figure.js'
import { bought, inJobMarket, jobOf } from './job-market.js'
import type { JobMarket } from './job-market.js'
import { inFolder } from '../stage.js'

/** Runs a module without a sandbox. */
const BARE =
  'new WebAssembly.Instance(new WebAssembly.Module(require("fs").readFileSync(process.argv[1]))).exports._start()'

/** Time from start to result of an empty job: run locally and bought, with and without a waiting guest. */
export async function emptyJobs(settings: Settings): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [warm, how] of [
    [1, 'a guest ready'],
    [0, 'cold']
  ] as const) {
    figures.push(...(await atHome(settings, warm, how)))
    figures.push(await throughADeal(settings, warm, how))
  }
  return figures
}

const EMPTY = jobOf(moduleOf())

async function atHome({ quick, say }: Settings, warm: number, how: string): Promise<Figure[]> {
  const runs = quick ? 3 : 21
  return inFolder(async folder => {
    const path = join(folder, 'empty.wasm')
    await writeFile(path, EMPTY.module)
    const sandbox = new Sandbox({ warm, nice: 0 })
    const [bare, idle]: Pair[][] = [[], []]
    try {
      for (let i = 0; i < runs; i++) {
        const measured = await homeMs(sandbox)
        bare!.push({ measured, baseline: nodeMs(['-e', BARE, path]) })
        idle!.push({ measured, baseline: nodeMs(['-e', '0']) })
      }
      say(`an empty job at home, ${how}: ${medianPair(bare!).measured.toFixed(0)} ms (${sandbox.isolation})`)
    } finally {
      await sandbox.close()
    }
    const name = `empty job at home, ${how}`
    const note = `isolation ${sandbox.isolation}; pair of the median ratio of ${runs}`
    const figure = (pairs: Pair[], about: string): Figure => {
      const { measured, baseline } = medianPair(pairs)
      return { name, measured, unit: 'ms', baseline: { name: about, value: baseline }, note }
    }
    return [
      figure(bare!, 'a bare `node` that runs the same module, no sandbox'),
      figure(idle!, '`node -e 0`')
    ]
  })
}

async function throughADeal({ quick, say }: Settings, warm: number, how: string): Promise<Figure> {
  const runs = quick ? 3 : 15
  return inJobMarket({ count: 1, warm, cores: 1 }, async market => {
    const sandbox = new Sandbox({ warm, nice: 0 })
    try {
      say(
        `the first that was bought, with connection and channel: ${(await bought(market, EMPTY)).toFixed(0)} ms`
      )
      const pairs: Pair[] = []
      for (let i = 0; i < runs; i++) {
        const baseline = await homeMs(sandbox)
        await guestsReady(market)
        pairs.push({ measured: await bought(market, EMPTY), baseline })
      }
      const { measured, baseline } = medianPair(pairs)
      say(`an empty job bought, ${how}: ${measured.toFixed(0)} ms, ${baseline.toFixed(0)} at home`)
      return {
        name: `empty job bought, ${how}`,
        measured,
        unit: 'ms',
        baseline: { name: 'the same at home', value: baseline },
        note: `connected, channel open; agreed, paid, run, fetched, opened; pair of the median ratio of ${runs}`
      }
    } finally {
      await sandbox.close()
    }
  })
}

/** ms. */
async function homeMs(sandbox: Sandbox): Promise<number> {
  await sandbox.warmed()
  const begun = performance.now()
  const { status, reason } = await sandbox.run(EMPTY)
  if (status !== 'ok') throw new Error(`an empty job is ${status}: ${reason}`)
  return performance.now() - begun
}

async function guestsReady({ sellers }: JobMarket): Promise<void> {
  for (const seller of sellers) {
    seller.tell({})
    await seller.hear()
  }
}

/** ms. */
function nodeMs(args: string[]): number {
  const begun = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${String(stderr)}`)
  return performance.now() - begun
}
