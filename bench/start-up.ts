import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median } from './figure.js'
import type { Bench } from './figure.js'

const EXECUTABLE = fileURLToPath(new URL('../bin/bushel.js', import.meta.url))

/** Start-up time of the command line. */
export const startBench: Bench = {
  name: 'start',
  about: '`bushel --help` against `node -e 0`',
  run({ quick }) {
    const runs = quick ? 3 : 15
    const help: number[] = []
    const node: number[] = []
    for (let i = 0; i < runs; i++) {
      node.push(timed(['-e', '0']))
      help.push(timed([EXECUTABLE, '--help']))
    }
    return Promise.resolve([
      {
        name: 'bushel --help',
        measured: median(help),
        unit: 'ms',
        baseline: { name: `node -e 0, median of ${runs}`, value: median(node) }
      }
    ])
  }
}

function timed(args: string[]): number {
  const begun = performance.now()
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' })
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}`)
  return performance.now() - begun
}
