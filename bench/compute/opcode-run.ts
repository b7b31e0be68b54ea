import { run } from '../../src/compute/guest/run.js'
import type { GuestJob } from '../../src/compute/guest/wasi/wasi.js'
import { PRICED } from './opcodes/priced.js'
import type { PriceGroup } from './opcodes/priced.js'
import type { Priced } from './opcodes/loops.js'

// A separate process with the engine flags of a job: runs programs as a guest does, and takes their time.

export interface OpcodeOrder {
  group: PriceGroup
  /** Runs of which the fastest counts. */
  runs: number
  /** Part of the names to measure; all by default. */
  only?: string
}

export interface OpcodeAnswer {
  name: string
  /** Of the fastest run, processor time for one unit of fuel. */
  ns: number
  fuel: string
  ms: number
  /** Why it was not measured; '' when it was. */
  reason: string
}

const { group, runs, only = '' } = JSON.parse(process.argv[2]!) as OpcodeOrder
const MAX_PAGES = 4096

function timed({ name, module }: Priced): OpcodeAnswer {
  const job: GuestJob = {
    header: {
      ...{ args: ['program'], stdin: 0, files: [], seed: '00'.repeat(32) },
      ...{ module: 0, fuel: String(10n ** 18n), maxPages: MAX_PAGES, inodes: 4096 },
      ...{ stdoutBytes: 1 << 22, stderrBytes: 1 << 20, outputBytes: 1 << 26 }
    },
    module: Buffer.from(module()),
    stdin: Buffer.alloc(0),
    files: []
  }
  let [least, fuel] = [Infinity, 0n]
  for (let i = 0; i < runs; i++) {
    let before = process.cpuUsage()
    const ran = run(job, () => (before = process.cpuUsage()))
    const { user, system } = process.cpuUsage(before)
    if (ran.ending.status !== 'ok') return { name, ns: 0, ms: 0, fuel: '0', reason: ran.ending.reason }
    fuel = ran.fuel
    least = Math.min(least, user + system)
  }
  return { name, ns: (least * 1000) / Number(fuel), ms: least / 1000, fuel: String(fuel), reason: '' }
}

process.stdout.write(JSON.stringify(PRICED[group].filter(({ name }) => name.includes(only)).map(timed)))
