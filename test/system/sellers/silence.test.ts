import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { formatKey } from '../../../contracts/keys/key.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'
import type { LeaseEntry, MirrorResult } from '../../world/world.js'
import { addressOf, assertSpent, callWithShortTimeouts, notesOf } from '../../parts/peers/buyers.js'
import { RogueGroup, shown } from '../../parts/peers/rogues.js'
import type { RogueParts } from '../../parts/peers/rogues.js'
import { neverAnswer } from '../../parts/peers/lies.js'
import type { Lies } from '../../parts/peers/lies.js'

const SAT = 1000n
const CHEAP = 60_000n * 1000n * 1024n

const BEFORE: [goes: string, says: RegExp, lies: Lies][] = [
  ['asked for a quote', /did not answer quote in time/, { quote: neverAnswer }],
  ['asked to sign', /did not answer agree in time/, { agree: neverAnswer }],
  ['asked for invoices', /did not answer strip in time/, { strip: neverAnswer }],
  ['it is to be paid', /cannot be paid|did not answer in time/, {}]
]

const AFTER: [goes: string, says: RegExp, loses: bigint, lies: (parts: RogueParts) => Lies][] = [
  [
    'it was told of the first payment',
    /did not answer paid in time; 5 sat/,
    5n * SAT,
    () => ({ paid: neverAnswer })
  ],
  [
    'a payment was on its way',
    /still under way; nothing was paid to it, 5 sat are still in flight/,
    0n,
    ({ wallet }) => ({
      strip: async truth => {
        const answer = await truth()
        process.kill(wallet.pid!, 'SIGSTOP')
        return answer
      }
    })
  ],
  [
    'the upload was to begin',
    /upload to .* has stalled; 5 sat/,
    5n * SAT,
    ({ wallet }) => ({
      quote: truth => {
        process.kill(wallet.pid!, 'SIGCONT')
        return truth()
      },
      progress: neverAnswer
    })
  ],
  [
    'the upload should have moved',
    /upload to .* has stalled; 5 sat/,
    5n * SAT,
    () => ({ progress: (_truth, { agreement }) => ({ body: { agreement, blocks: 0, bytes: 0 } }) })
  ],
  [
    'it was to sign for the upload',
    /upload to .* has stalled; 5 sat/,
    5n * SAT,
    () => ({ seal: neverAnswer })
  ],
  ['it was to be audited', /did not answer audit in time; 5 sat/, 5n * SAT, () => ({ audit: neverAnswer })]
]

test('a buyer leaves providers that fall silent', async t => {
  const world = await World.open(t)
  const early = await world.found('lease manager', 'early')
  const { key: late } = await world.ok<{ key: string }>('lease manager', [
    'market',
    'create',
    '--name',
    'late'
  ])
  for (const market of [early, late])
    await world.sell('lease manager', '100000 sat/GiB-month', '--market', market)
  const path = world.at('file')
  await writeFile(path, noise('silence', 1 << 20))
  const bootstrap = addressOf(world)
  const before = await RogueGroup.open({ dir: world.at('before'), bootstrap, market: early })
  t.after(() => before.close())
  const after = await RogueGroup.open({ dir: world.at('after'), bootstrap, market: late })
  t.after(() => after.close())
  const impostors = await Promise.all(
    BEFORE.map(async ([goes, , lies], i) => {
      const { device } = await before.impostor(goes, { price: CHEAP + BigInt(i), lies: () => lies })
      return device
    })
  )
  const rogues = await Promise.all(
    AFTER.map(async ([goes, , , lies], i) => {
      // The rogue that holds the payment must not need a Lightning handshake first.
      const takesOver = goes !== 'a payment was on its way'
      const { device } = await after.rogue(goes, { price: CHEAP + BigInt(i), lies, takesOver })
      return device
    })
  )
  for (const [name, market] of [
    ['one', early],
    ['other', late]
  ] as const) {
    await world.home(name)
    await world.ok(name, ['market', 'join', market])
  }
  const started = await world.wallet('other')
  const [one, other] = await Promise.all(
    ['one', 'other'].map(name =>
      callWithShortTimeouts(world, name, 'mirror', { path, copies: 1, time: 30 * DAY })
    )
  )

  for (const [i, [goes, says]] of BEFORE.entries()) {
    await t.test(`a provider that falls silent when ${goes} is passed over`, () => {
      assertNamed(notesOf(one!), impostors[i]!, says)
    })
  }
  await t.test(
    'providers that are silent before a payment cost nothing, and the honest one is used',
    async () => {
      const leases = await world.leases('one')
      assertKept(one!, leases)
      for (const lease of leases) if (lease.state !== 'STORED') assert.equal(lease.paidMsat, '0')
    }
  )

  const leases = await world.leases('other')
  for (const [i, [goes, says, loses]] of AFTER.entries()) {
    await t.test(`a provider that falls silent when ${goes} is left`, () => {
      assertNamed(notesOf(other!), rogues[i]!, says)
      const lease = leases.find(lease => lease.device === formatKey(rogues[i]!))!
      assert.equal(lease.paidMsat, loses.toString())
      // Ended, or possibly waiting for the provider's statement of its debt.
      const open = loses > 0n || says.source.includes('in flight')
      assert.ok((open ? ['ENDED', 'LAPSING'] : ['VOID']).includes(lease.state), lease.state)
    })
  }
  await t.test(
    'providers that are silent after a payment cost an installment each, and the honest one is used',
    async () => {
      assertKept(other!, leases)
      const now = await world.wallet('other')
      // The pending payment was claimed in the end, when its payee answered again.
      assertSpent({ leases, spent: started.spendable - now.spendable - 5n * SAT, channels: 2 })
    }
  )
  await t.test('no node failed internally', () => assert.deepEqual([...before.faults, ...after.faults], []))
})

function assertNamed(notes: string[], device: Buffer, says: RegExp): void {
  const note = notes.find(text => text.includes(shown(device)))
  assert.ok(note, `a note that names ${shown(device)}: ${notes.join('\n')}`)
  assert.match(notes.filter(text => text.includes(shown(device))).join('\n'), says)
}

function assertKept(
  { code, result, stderr }: { code: number | null; result: object; stderr: string },
  leases: LeaseEntry[]
): void {
  assert.equal(code, 0, JSON.stringify(result) + stderr)
  const { leases: ids, paidMsat } = result as MirrorResult
  assert.equal(ids.length, 1)
  const kept = leases.find(({ id }) => id === ids[0])!
  assert.equal(kept.state, 'STORED')
  assert.equal(kept.paidMsat, paidMsat)
}

test('a copy passes to another seller that agrees while the first one is silent', async t => {
  const world = await World.open(t)
  const market = await world.found('lease manager', 'market')
  await world.sell('lease manager', '100000 sat/GiB-month', '--market', market)
  const path = world.at('file')
  await writeFile(path, noise('spare', 1 << 20))
  const rogues = await RogueGroup.open({ dir: world.at('rogues'), bootstrap: addressOf(world), market })
  t.after(() => rogues.close())
  const { device } = await rogues.rogue('silent', { price: CHEAP, lies: () => ({ progress: neverAnswer }) })
  await world.home('buyer')
  await world.ok('buyer', ['market', 'join', market])
  // It would be waited for these ten minutes.
  const long = { answer: 600_000, upload: 600_000, spare: 1000 }
  const params = { path, copies: 1, time: 30 * DAY }
  const call = await callWithShortTimeouts(world, 'buyer', 'mirror', params, long)
  assertNamed(notesOf(call), device, /no longer answers, and \w+ does; 5 sat were paid to it/)
  assertKept(call, await world.leases('buyer'))
})
