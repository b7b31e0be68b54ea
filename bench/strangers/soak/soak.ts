import { parseArgs } from 'node:util'
import { isMet } from '../../figure.js'
import { jsonOf, table } from '../../report.js'
import { KINDS } from './attack.js'
import { ReportFile } from './report-file.js'
import { strangersSoak } from './run.js'

const REPORT = 'soak-report.txt'
const USAGE = `npm run soak -- strangers [--minutes N] [--without KIND,...] [--report FILE] [--json]

Attacks a small market with everything at once, by strangers niced to 19, while an honest buyer makes one deal after the
other, and compares with the same beside an equal load that harms nobody. Exit code 1: a deal failed, a node ended, or
a figure misses its target.

  --minutes N      how long it is attacked (default: 60); the baseline takes a sixth of it more
  --without KINDS  leaves out kinds of attacks: ${KINDS.join(', ')}
  --report FILE    written as it goes, with the figures so far every tenth of the time (default: ${REPORT})
  --json           one object for each figure
`

/** What the command line says; null: it is wrong. */
function read(args: string[]): { minutes: number; without: string[]; report: string; json: boolean } | null {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '60' },
      without: { type: 'string', default: '' },
      report: { type: 'string', default: REPORT },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  const minutes = Number(values.minutes)
  const without = values.without.split(',').filter(Boolean)
  if (values.help || !(minutes > 0) || !without.every(name => KINDS.includes(name))) return null
  return { minutes, without, report: values.report, json: values.json }
}

const wanted = read(process.argv.slice(2))
if (wanted) {
  const report = new ReportFile(wanted.report, what => void process.stderr.write(`  ${what}\n`))
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      report.say('it ends early, after this deal')
      stop.abort()
    })
  try {
    const figures = await strangersSoak({ ...wanted, stopped: stop.signal, report })
    report.figures(`the end: ${figures.some(one => isMet(one) === false) ? 'MISSED' : 'ok'}`, figures)
    process.stdout.write(wanted.json ? figures.map(one => `${jsonOf(one)}\n`).join('') : table(figures))
    process.exitCode = figures.some(figure => isMet(figure) === false) ? 1 : 0
  } catch (error) {
    report.say(`it broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    process.exitCode = 1
  }
} else {
  process.stdout.write(USAGE)
  process.exitCode = process.argv.some(word => word === '--help' || word === '-h') ? 0 : 2
}
