import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { programs } from '../../test/parts/compute/fuel/console.js'
import { medianPair } from '../figure.js'
import type { Bench, Figure } from '../figure.js'
import type { FuelAnswer, FuelOrder } from './fuel-run.js'
import { inFolder } from '../stage.js'

interface Subject {
  name: string
  program: string
  source: string
  args: string[]
  quick: string[]
}

const SUBJECTS: Subject[] = [
  { name: 'SHA-256', program: 'sha256.wasm', source: 'sha256.c', args: ['8192'], quick: ['256'] },
  { name: 'f64 matrix product', program: 'matrix.wasm', source: 'matrix.c', args: ['320'], quick: ['64'] },
  {
    name: 'the same in vectors',
    program: 'matrix-simd.wasm',
    source: 'matrix.c',
    args: ['320'],
    quick: ['64']
  }
]

const FLAGS = ['--no-liftoff', '--stack-size=6500']
const run = promisify(execFile)

/** Cost of metering, compared with the unmetered module in the same process and with native code. */
export const fuelBench: Bench = {
  name: 'fuel',
  about: 'a metered module beside the same one plain, with the flags of a job',
  async run({ quick, say }) {
    const figures: Figure[] = []
    const nativeRuns = 15
    for (const subject of SUBJECTS) {
      const args = quick ? subject.quick : subject.args
      const order: FuelOrder = {
        program: subject.program,
        args,
        pairs: quick ? 1 : 5,
        runs: quick ? 1 : 5
      }
      const script = fileURLToPath(new URL('./fuel-run.js', import.meta.url))
      const { stdout } = await run(process.execPath, [...FLAGS, script, JSON.stringify(order)])
      const { pairs, fuel, rewriteMs } = JSON.parse(stdout) as FuelAnswer
      const { measured, baseline } = medianPair(pairs)
      say(`${subject.name}: ${baseline.toFixed(2)} ms plain, ${measured.toFixed(2)} metered, ${fuel} fuel`)
      figures.push({
        name: `metered, ${subject.name}`,
        measured,
        unit: 'ms',
        baseline: {
          name: `the module plain, in the same process; pair of the median ratio of ${pairs.length}`,
          value: baseline
        },
        target: { atMost: 1.5 },
        note: `${fuel} units of fuel; rewritten in ${rewriteMs.toFixed(0)} ms`
      })
      // a quick run is over before a process is up
      const native = quick ? null : await nativeMs(subject, args, nativeRuns)
      if (native === null) say('not held against native code: a quick run, or no clang here')
      else
        figures.push({
          name: `metered, ${subject.name}`,
          measured,
          unit: 'ms',
          baseline: {
            name: `the source built by clang -O2, a process; fastest of ${nativeRuns}`,
            value: native
          }
        })
    }
    return figures
  }
}

/** Fastest run of the native build less the time of an empty program, ms; null without clang. */
async function nativeMs(
  { source, args: full }: Subject,
  args: string[],
  runs: number
): Promise<number | null> {
  return inFolder(async folder => {
    const out = join(folder, 'program')
    try {
      await run('clang', ['-O2', join(programs, 'source', source), '-o', out, '-lm'])
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
      throw error
    }
    const fastest = async (given: string[]): Promise<number> => {
      let least = Infinity
      for (let i = 0; i < runs; i++) {
        const begun = performance.now()
        await run(out, given)
        least = Math.min(least, performance.now() - begun)
      }
      return least
    }
    const idle = await fastest(full.map(() => '1'))
    return Math.max(0.01, (await fastest(args)) - idle)
  })
}
