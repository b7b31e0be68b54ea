import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Console, programs } from '../../test/parts/compute/fuel/console.js'
import { engine, Guest, metered } from '../../test/parts/compute/fuel/guest.js'
import type { Pair } from '../figure.js'

// A separate process with the engine flags of a job: runs a program unmetered and metered in turn.

export interface FuelOrder {
  program: string
  args: string[]
  /** Number of pairs, and of runs of which the fastest counts. */
  pairs: number
  runs: number
}

export interface FuelAnswer {
  /** ms. */
  pairs: Pair[]
  /** Of one run. */
  fuel: string
  rewriteMs: number
}

const { program, args, pairs, runs } = JSON.parse(process.argv[2]!) as FuelOrder
const bytes = readFileSync(join(programs, program))
const begun = performance.now()
const rewritten = metered(bytes, 4096).bytes
const answer: FuelAnswer = { pairs: [], fuel: '', rewriteMs: performance.now() - begun }
const plain = new engine.Module(bytes)

function timed(run: () => void): number {
  const from = performance.now()
  run()
  return performance.now() - from
}

for (let pair = 0; pair < pairs; pair++) {
  const fastest: Pair = { measured: Infinity, baseline: Infinity }
  for (let run = 0; run < runs; run++) {
    const bare = new Console(args)
    const instance = new engine.Instance(plain, { wasi_snapshot_preview1: bare.functions })
    fastest.baseline = Math.min(
      fastest.baseline,
      timed(() => bare.start(instance.exports))
    )
    const screen = new Console(args)
    const guest = new Guest(rewritten, screen.functions, { portion: 10_000_000n })
    fastest.measured = Math.min(
      fastest.measured,
      timed(() => screen.start(guest.exports))
    )
    if (screen.text !== bare.text) throw new Error(`${program} printed something else when it was metered`)
    answer.fuel = String(guest.used)
  }
  answer.pairs.push(fastest)
}
process.stdout.write(JSON.stringify(answer))
