import { parseArgs } from 'node:util'
import { isMet } from '../../figure.js'
import { jsonOf, table } from '../../report.js'
import { KINDS, strangersSoak } from './run.js'
import type { AttackKind } from '../attackers/attacker.js'

const USAGE = `npm run soak -- strangers [--minutes N] [--without KIND,...] [--json]

Attacks a small market with everything at once, by strangers niced to 19, while an honest buyer makes one deal after the
other, and compares with the same beside an equal load that harms nobody. Exit code 1: a figure misses its target.

  --minutes N      how long it is attacked (default: 60); the baseline takes a sixth of it more
  --without KINDS  leaves out kinds of attacks: ${KINDS.join(', ')}
  --json           one object for each figure
`

/** A number and a list from the command line; null: wrong. */
function read(args: string[]): { minutes: number; without: AttackKind[]; json: boolean } | null {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '60' },
      without: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  const minutes = Number(values.minutes)
  const without = values.without.split(',').filter(Boolean)
  const isKind = (name: string): name is AttackKind => (KINDS as string[]).includes(name)
  if (values.help || !(minutes > 0) || !without.every(isKind)) return null
  return { minutes, without: without.filter(isKind), json: values.json }
}

const wanted = read(process.argv.slice(2))
if (wanted) {
  const say = (what: string): void => void process.stderr.write(`  ${what}\n`)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      say('it ends early, after this deal')
      stop.abort()
    })
  const figures = await strangersSoak({ ...wanted, stopped: stop.signal, say })
  process.stdout.write(wanted.json ? figures.map(one => `${jsonOf(one)}\n`).join('') : table(figures))
  process.exitCode = figures.some(figure => isMet(figure) === false) ? 1 : 0
} else {
  process.stdout.write(USAGE)
  process.exitCode = process.argv.some(word => word === '--help' || word === '-h') ? 0 : 2
}
