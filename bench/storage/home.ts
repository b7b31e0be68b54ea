import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lease } from '#spec'
import { DAY } from '../../contracts/money/quantity.js'
import { STRIP_LENGTH } from '../../contracts/schema/counts.js'
import { agreementId } from '../../contracts/terms.js'
import { homeStore } from '../../src/node/home-store.js'
import { LEASE } from '../../src/storage/lease/lease-state.js'
import { recordedWith } from '../../src/storage/lease/lease-sums.js'
import { leaseTerms, partiesOf } from '../../test/samples/evidence/parties.js'
import { person } from '../../test/samples/people.js'
import type { Person } from '../../test/samples/people.js'
import type { Bench, Figure } from '../figure.js'
import { Actor, inFolder } from '../stage.js'
import type { HomeTimes } from './home-node.js'

const AT_ONCE = 500
const MOST = { start: 2, quote: 10, look: 50, memory: 250 }

/** A provider's home after years: what its history costs. */
export const homeBench: Bench = {
  name: 'home',
  about: 'start, quote, look and memory of a home with 100,000 past and 10,000 live leases',
  async run({ quick, say }) {
    const live = quick ? 100 : 10_000
    const past = quick ? 1_000 : 100_000
    return inFolder(async folder => {
      const old = join(folder, 'old')
      const young = join(folder, 'young')
      await fill(young, { past: 0, live })
      const few = await settled(young)
      say(`without past leases: ${text(few)}`)
      await fill(old, { past, live })
      const many = await settled(old)
      say(`with past leases: ${text(many)}`)
      const figure = (name: string, of: keyof typeof MOST, unit: Figure['unit'], by = 1): Figure => ({
        name: `home, ${name}`,
        measured: many[of] / by,
        unit,
        target: { atMost: MOST[of] },
        note: `${past} past and ${live} live leases; ${(few[of] / by).toFixed(2)} ${unit} without the past ones; network, shelf and ledger left out`
      })
      return [
        figure('start', 'start', 's', 1000),
        figure('a quote', 'quote', 'ms'),
        figure('a look at what is due', 'look', 'ms'),
        figure('memory of its own', 'memory', 'MB'),
        {
          name: 'home, with mapped pages of the store',
          measured: many.resident,
          unit: 'MB',
          note: 'the system takes the mapped pages back when it needs them'
        }
      ]
    })
  }
}

/** The second process is measured: the first one has looked at every lease once, as a home that runs has. */
async function settled(dir: string): Promise<HomeTimes> {
  await timesOf(dir)
  return timesOf(dir)
}

async function timesOf(dir: string): Promise<HomeTimes> {
  const actor = new Actor('storage/home-node', { dir })
  try {
    return await actor.hear<HomeTimes>()
  } finally {
    await actor.end()
  }
}

function text({ start, firstLook, look, quote, memory, resident }: HomeTimes): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`
  return `start ${ms(start)}, first look ${ms(firstLook)}, look ${ms(look)}, quote ${ms(quote)}, ${memory.toFixed(0)} MB, ${resident.toFixed(0)} MB with mapped pages`
}

async function fill(dir: string, { past, live }: { past: number; live: number }): Promise<void> {
  await mkdir(dir)
  const [[buyer], [provider]] = await Promise.all([person(), person()])
  const store = homeStore(dir)
  await store.ready()
  for (let at = 0; at < past + live; at += AT_ONCE) {
    const leases = Array.from({ length: Math.min(AT_ONCE, past + live - at) }, (_, i) =>
      leaseOf([buyer!, provider!], at + i >= past)
    )
    await store.write(transaction => {
      for (const lease of leases) recordedWith(transaction, ['provider', agreementId(lease.terms)], lease)
    })
  }
  await store.close()
}

/** A lease of a buyer of its own: live, in the middle of its time, or ended a year ago. */
function leaseOf([buyer, provider]: [Person, Person], live: boolean): Lease {
  const start = Date.now() - (live ? 10 : 365) * DAY
  const parties = partiesOf(buyer, provider)
  const terms = leaseTerms({
    ...parties,
    nonce: randomBytes(32),
    buyer: { ...parties.buyer, device: randomBytes(32) },
    cores: [{ key: randomBytes(32), length: 1600, byteLength: 100_000_000 }],
    countersignBy: start
  })
  const agreement = agreementId(terms)
  const installments = Array.from({ length: STRIP_LENGTH }, (_, installment) => ({
    installment,
    issue: 0,
    hash: randomBytes(32),
    msat: 1000n
  }))
  const seal = randomBytes(32)
  return {
    role: 'provider',
    state: live ? LEASE.STORED : LEASE.ENDED,
    created: start,
    committed: start,
    start,
    terms,
    signature: randomBytes(64),
    countersign: { list: { agreement, installments }, signature: randomBytes(64) },
    stored: { stored: { seal, start, paidUntil: start + DAY }, signature: randomBytes(64) }
  }
}
