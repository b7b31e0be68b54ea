import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lease, MirrorJob } from '#spec'
import { DAY, HOUR, MINUTE } from '../../contracts/money/quantity.js'
import { agreementId } from '../../contracts/terms.js'
import { homeStore } from '../../src/node/home-store.js'
import { MIRROR } from '../../src/storage/buyer/mirror-state.js'
import { LEASE } from '../../src/storage/lease/lease-state.js'
import { recordedWith } from '../../src/storage/lease/lease-sums.js'
import { mirrorTable } from '../../src/storage/tables.js'
import { leaseTerms, partiesOf } from '../../test/samples/evidence/parties.js'
import { person } from '../../test/samples/people.js'
import type { Person } from '../../test/samples/people.js'
import type { Bench } from '../figure.js'
import { Actor, inFolder } from '../stage.js'
import type { UpkeepTimes } from './upkeep-node.js'

const COPIES = 3
/** How often a node looks at its mirrors, at what it tells of them, and at what is due for its leases, in an hour. */
const LOOKS = { mirrors: HOUR / (10 * MINUTE), reminders: 1, due: HOUR / MINUTE }

/** A buyer's home with many mirrors that are stored, paid and answer their audits. */
export const upkeepBench: Bench = {
  name: 'upkeep',
  about: 'what it costs to look after 1,000 mirrors of 3 copies for which nothing is due',
  async run({ quick, say }) {
    const mirrors = quick ? 100 : 1000
    return inFolder(async folder => {
      const dir = join(folder, 'home')
      await fill(dir, mirrors)
      const actor = new Actor('storage/upkeep-node', { dir })
      try {
        const times = await actor.hear<UpkeepTimes>()
        say(
          `a look at the mirrors ${times.mirrors.toFixed(1)} ms, at reminders ${times.reminders.toFixed(1)} ms, at what is due ${times.due.toFixed(2)} ms`
        )
        const ms = LOOKS.mirrors * times.mirrors + LOOKS.reminders * times.reminders + LOOKS.due * times.due
        return [
          {
            name: 'upkeep of mirrors, in an hour',
            measured: ms,
            unit: 'ms',
            target: { atMost: HOUR / 100 },
            note: `of one core; ${mirrors} mirrors of ${COPIES} copies; audits and payments left out`
          },
          { name: 'upkeep, memory of its own', measured: times.memory, unit: 'MB', target: { atMost: 250 } }
        ]
      } finally {
        await actor.end()
      }
    })
  }
}

async function fill(dir: string, mirrors: number): Promise<void> {
  await mkdir(dir)
  const [[buyer], [provider]] = await Promise.all([person(), person()])
  const store = homeStore(dir)
  await store.ready()
  for (let i = 0; i < mirrors; i++) {
    const leases = Array.from({ length: COPIES }, () => leaseOf(buyer!, provider!))
    const agreements = leases.map(({ terms }) => agreementId(terms))
    await store.write(transaction => {
      for (const lease of leases) recordedWith(transaction, ['buyer', agreementId(lease.terms)], lease)
      transaction.update(mirrorTable, `${i}`.padStart(32, '0'), () => mirrorOf(i, agreements))
    })
  }
  await store.close()
}

function leaseOf(buyer: Person, provider: Person): Lease {
  const start = Date.now() - 10 * DAY
  const terms = leaseTerms({ ...partiesOf(buyer, provider), nonce: randomBytes(32), countersignBy: start })
  const times = { created: start, committed: start, start, audited: Date.now() }
  return { role: 'buyer', state: LEASE.STORED, ...times, terms, signature: randomBytes(64) }
}

function mirrorOf(i: number, agreements: Buffer[]): MirrorJob {
  return {
    path: `/home/films-${i}`,
    fingerprint: randomBytes(32),
    market: Buffer.alloc(32, 2),
    store: `${i}`.padStart(32, '0'),
    link: '',
    files: 1,
    bytes: 100_000_000,
    cores: [],
    sha256: randomBytes(32),
    copies: COPIES,
    time: 30 * DAY,
    offer: 0n,
    maxPrice: 0n,
    prepayMaxMsat: 0n,
    agreements,
    state: MIRROR.KEPT,
    created: Date.now() - 10 * DAY
  }
}
