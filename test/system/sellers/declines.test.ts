import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatKey } from '../../../contracts/keys/key.js'
import { DeclineError } from '../../../src/deal/decline.js'
import type { DeclineWord } from '../../../src/deal/decline.js'
import type { MirrorResult } from '../../world/world.js'
import { assertSpent } from '../../parts/peers/buyers.js'
import { OWN_CODES } from '../../parts/peers/lies.js'
import { buyCopy, openRogueMarket } from '../../parts/peers/rogue-market.js'
import { shown } from '../../parts/peers/rogues.js'

const SAT_PER_GIB = 1000n * 1024n
const FIRST_PAYMENT = '5000'

/** Declines with a word that the product never sends. */
function declining(word: string): () => never {
  return () => {
    throw new DeclineError(word as DeclineWord, `my ${word}`)
  }
}

test('sellers that decline with our own error codes are passed over, and others are used', async t => {
  const opened = await openRogueMarket(t, 'declines')
  const { world, group } = opened
  let price = 40_000n * SAT_PER_GIB
  const unpaid: { does: string; word: string; device: Buffer }[] = []
  const paid: typeof unpaid = []
  for (const word of OWN_CODES) {
    for (const method of ['quote', 'agree', 'strip'] as const) {
      const lies = () => ({ [method]: declining(word) })
      const { device } = await group.impostor(`${method}-${word}`, { price: price++, lies })
      unpaid.push({ does: `declines ${method} with ${word}`, word, device })
    }
  }
  for (const [i, word] of OWN_CODES.entries()) {
    const method = (['paid', 'progress', 'seal'] as const)[i % 3]!
    const lies = () => ({ [method]: declining(word) })
    const { device } = await group.rogue(`paid-${word}`, { price: price++, lies })
    paid.push({ does: `takes the first payment and declines ${method} with ${word}`, word, device })
  }
  const { before, finished, notes, leases } = await buyCopy(opened)

  await t.test('the honest provider is used in the end, and only first payments are lost', async () => {
    assert.equal(finished.code, 0, JSON.stringify(finished.result) + finished.stderr)
    const { copies, leases: kept } = finished.result as unknown as MirrorResult
    assert.equal(copies, 1)
    assert.equal(leases.find(({ id }) => id === kept[0])!.state, 'STORED')
    const after = await world.wallet('buyer')
    assertSpent({ leases, spent: before.spendable - after.spendable, channels: 2 })
  })

  for (const { does, word, device } of [...unpaid, ...paid]) {
    await t.test(`a provider that ${does} is named and left`, () => {
      const says = `${shown(device)} declined: my ${word}`
      assert.ok(
        notes.some(text => text.includes(says)),
        `a note that says '${says}': ${notes.join('\n')}`
      )
    })
  }

  await t.test('nothing was paid to providers that declined before the first payment', () => {
    const devices = new Set(unpaid.map(({ device }) => formatKey(device)))
    for (const { device, paidMsat } of leases) if (devices.has(device)) assert.equal(paidMsat, '0')
    for (const { device } of paid)
      assert.equal(leases.find(lease => lease.device === formatKey(device))?.paidMsat, FIRST_PAYMENT)
  })
})

test('a provider that declines after the first payment does not stop the other copy', async t => {
  const { world, market, path, group } = await openRogueMarket(t, 'copies')
  const price = 40_000n * SAT_PER_GIB
  const { device } = await group.rogue('rogue', {
    price,
    lies: () => ({ progress: declining('NO_BALANCE') })
  })
  await world.home('buyer')
  await world.ok('buyer', ['market', 'join', market])
  const failure = await world.fails('buyer', ['mirror', path, '--copies', '2', '--time', '30d'], 4)
  assert.equal(failure.code, 'COPIES_SHORT')
  const leases = await world.leases('buyer')
  const [standing] = leases.filter(lease => lease.device !== formatKey(device))
  assert.equal(standing?.state, 'STORED')
})
