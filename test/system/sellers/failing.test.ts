import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { formatKey } from '../../../contracts/keys/key.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'
import type { MirrorResult } from '../../world/world.js'
import { addressOf, callWithShortTimeouts, notesOf } from '../../parts/peers/buyers.js'
import { RogueGroup, shown } from '../../parts/peers/rogues.js'
import { WAYS, answerWithFaults } from '../../parts/peers/wire-faults.js'
import { neverAnswer } from '../../parts/peers/lies.js'

const SAT = 1000n
const SAT_PER_GIB = 1000n * 1024n
const CHEAP = 60_000n * SAT_PER_GIB

/** The requests of a buyer in their order, and what is paid when one of them fails, msat. */
const STEPS: [method: string, loses: bigint, small?: true][] = [
  ['hello', 0n],
  ['quote', 0n],
  ['agree', 0n],
  ['strip', 0n],
  ['paid', 5n * SAT],
  ['progress', 5n * SAT],
  ['seal', 5n * SAT],
  ['audit', 5n * SAT],
  ['counter', 15n * SAT],
  ['topup', 64n * SAT, true]
]

const BUT_LAST = STEPS.map(([method]) => method).filter(method => method !== 'topup')

/** Where a way is tried that is the same below all steps; silence elsewhere has its own test. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  'answers with nothing': ['hello', 'agree', 'progress'],
  'answers with ever more bytes': ['hello', 'agree', 'progress'],
  'fails to answer': ['hello', 'agree', 'progress', 'counter'],
  'does not answer': ['hello', 'counter', 'topup'],
  'declines with bytes for a terminal': BUT_LAST,
  // Each takes 64 payments first.
  'closes the connection': BUT_LAST,
  'answers with another message': BUT_LAST,
  'cuts its answer short': BUT_LAST
}

const SILENCE = { fault: neverAnswer, says: /did not answer|no answer/ }
const TABLE = STEPS.flatMap(([method, loses, small]) =>
  Object.entries({ ...WAYS, 'does not answer': SILENCE })
    .filter(([way]) => ONLY[way]?.includes(method) ?? true)
    .map(([way, { fault, says }]) => ({ method, loses, small, way, fault, says }))
)

/** Sellers of one market, few enough for its limits. */
const EACH = 32

for (let from = 0; from < TABLE.length; from += EACH) {
  const cases = TABLE.slice(from, from + EACH)
  const range = `${from + 1} to ${from + cases.length} of ${TABLE.length}`
  test(`a buyer leaves each seller that fails at a step: ${range}`, { timeout: 400_000 }, async t => {
    const world = await World.open(t)
    const market = await world.found('honest', 'fair')
    await world.sell('honest', '100000 sat/GiB-month')
    const path = world.at('file')
    await writeFile(path, noise('failing', 1 << 20))
    const group = await RogueGroup.open({ dir: world.at('rogues'), bootstrap: addressOf(world), market })
    t.after(() => group.close())
    const devices: Buffer[] = []
    for (const [i, { method, small, fault }] of cases.entries()) {
      const price = (small ? 90_000n * SAT_PER_GIB : CHEAP) + BigInt(from + i)
      const policy = small ? { firstInstallmentMsat: SAT, maxInstallmentMsat: SAT } : {}
      const { device } = await group.rogue(`rogue-${i}`, { price, policy })
      answerWithFaults(device, { [method]: fault })
      devices.push(device)
    }
    await world.home('buyer')
    await world.ok('buyer', ['market', 'join', market])
    const finished = await callWithShortTimeouts(world, 'buyer', 'mirror', {
      path,
      copies: 1,
      time: 30 * DAY
    })
    const notes = notesOf(finished)
    const leases = await world.leases('buyer')

    await t.test('the honest seller is used in the end', () => {
      assert.equal(finished.code, 0, JSON.stringify(finished.result) + finished.stderr)
      const { leases: kept } = finished.result as unknown as MirrorResult
      assert.equal(leases.find(({ id }) => id === kept[0])!.state, 'STORED')
      assert.ok(
        notes.every(note => !/[\p{Cc}\p{Cf}]/u.test(note)),
        'each note is one line'
      )
    })
    for (const [i, { method, way, says, loses }] of cases.entries()) {
      await t.test(`a seller that ${way} at ${method}`, () => {
        const own = notes.filter(
          text => text.includes(shown(devices[i]!)) && !text.includes('using the next')
        )
        assert.equal(own.length, 1, `one note that names ${shown(devices[i]!)}: ${own.join('\n')}`)
        assert.match(own[0]!, says)
        const paid = leases
          .filter(({ device }) => device === formatKey(devices[i]!))
          .reduce((sum, { paidMsat }) => sum + BigInt(paidMsat), 0n)
        assert.equal(paid, loses)
      })
    }
  })
}
