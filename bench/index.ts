import { parseArgs } from 'node:util'
import { bookBench } from './book/book.js'
import { computeBench } from './compute/compute.js'
import { copiesBench } from './storage/copies.js'
import { dealBench } from './storage/deal-time.js'
import { homeBench } from './storage/home.js'
import { isMet } from './figure.js'
import type { Bench, Figure } from './figure.js'
import { fuelBench } from './compute/fuel.js'
import { opcodesBench } from './compute/opcodes.js'
import { linksBench } from './network/links.js'
import { ledgerBench } from './money/ledger.js'
import { memoryBench } from './storage/memory.js'
import { mirrorBench } from './storage/mirror-rate.js'
import { paymentsBench } from './money/payments.js'
import { jsonOf, table } from './report.js'
import { repairBench } from './storage/repair.js'
import { restoreBench } from './storage/restore-rate.js'
import { upkeepBench } from './storage/upkeep.js'
import { smallBench } from './storage/small-files.js'
import { startBench } from './start-up.js'
import { tokensBench } from './audits/tokens.js'
import { strangersBench } from './strangers/strangers.js'

const BENCHES: Bench[] = [
  mirrorBench,
  copiesBench,
  smallBench,
  restoreBench,
  repairBench,
  upkeepBench,
  tokensBench,
  memoryBench,
  dealBench,
  homeBench,
  bookBench,
  paymentsBench,
  ledgerBench,
  startBench,
  fuelBench,
  opcodesBench,
  computeBench,
  strangersBench,
  linksBench
]

const USAGE = `npm run bench -- [NAME...] [--json] [--check] [--quick]

Measures Bushel on this machine, each figure beside its baseline, in one run. Without names: all.

${BENCHES.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join('\n')}

  --json     one object for each figure
  --check    exit code 1 when a figure misses its target
  --quick    small sizes, single runs: shows that it works, not how fast it is
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  const unknown = positionals.find(name => !BENCHES.some(bench => bench.name === name))
  if (values.help || unknown !== undefined) {
    process.stdout.write(USAGE)
    return unknown === undefined ? 0 : 2
  }
  const say = (what: string): void => void process.stderr.write(`  ${what}\n`)
  const figures: Figure[] = []
  for (const bench of BENCHES) {
    if (positionals.length > 0 && !positionals.includes(bench.name)) continue
    process.stderr.write(`${bench.name}: ${bench.about}\n`)
    const found = await bench.run({ quick: values.quick, say })
    figures.push(...found)
    if (values.json) for (const figure of found) process.stdout.write(`${jsonOf(figure)}\n`)
  }
  if (!values.json) process.stdout.write(table(figures))
  return values.check && figures.some(figure => isMet(figure) === false) ? 1 : 0
}

process.exitCode = await main()
