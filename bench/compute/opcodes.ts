import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Bench, Figure } from '../figure.js'
import type { OpcodeAnswer, OpcodeOrder } from './opcode-run.js'
import type { PriceGroup } from './opcodes/priced.js'

/** Flags of a job, see command.ts of the sandbox. */
const FLAGS = [
  '--no-liftoff',
  '--no-wasm-lazy-compilation',
  '--max-old-space-size=4096',
  '--stack-size=6500',
  '--v8-pool-size=1'
]
const MOST_RATIO = 20
const GROUPS: PriceGroup[] = ['memory', 'tables', 'code', 'arithmetic', 'host calls']
const QUICK: PriceGroup[] = ['tables']

const run = promisify(execFile)

/** The time that one unit of fuel takes, of each instruction beside an honest loop. */
export const opcodesBench: Bench = {
  name: 'opcodes',
  about: 'time for the price of each instruction, beside an honest loop',
  async run({ quick, say }) {
    const figures: Figure[] = []
    for (const group of quick ? QUICK : GROUPS) {
      const runs = quick ? 1 : 4
      const [honest] = await measured({ group: 'honest', runs })
      const found = (await measured({ group, runs })).sort((a, b) => b.ns - a.ns)
      const [dearest] = found
      for (const { name, ns } of found.slice(0, 5)) say(`${name}: ${(ns / honest!.ns).toFixed(1)} times`)
      figures.push({
        name: `${group}, the dearest of ${found.length}: ${dearest!.name}`,
        measured: dearest!.ns * 1000,
        unit: 'ms',
        baseline: { name: 'an honest loop; both for 10^9 units of fuel', value: honest!.ns * 1000 },
        target: { atMost: MOST_RATIO }
      })
    }
    return figures
  }
}

async function measured(order: OpcodeOrder): Promise<OpcodeAnswer[]> {
  const script = fileURLToPath(new URL('./opcode-run.js', import.meta.url))
  const { stdout } = await run(process.execPath, [...FLAGS, script, JSON.stringify(order)], {
    maxBuffer: 1 << 26
  })
  const answers = JSON.parse(stdout) as OpcodeAnswer[]
  const failed = answers.find(({ reason }) => reason !== '')
  if (failed) throw new Error(`${failed.name} did not run to its end: ${failed.reason}`)
  return answers
}
