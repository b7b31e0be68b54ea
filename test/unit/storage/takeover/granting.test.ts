import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { KeyPair } from 'hypercore-crypto'
import type { SignedTakeover, Takeover } from '#spec'
import { agreementId } from '../../../../contracts/terms.js'
import { nullLogger } from '../../../../src/base/logger.js'
import type { Counterparty } from '../../../../src/deal/channel.js'
import { DeclineError } from '../../../../src/deal/decline.js'
import type { Deals } from '../../../../src/deal/deals.js'
import { Debts } from '../../../../src/payment/debts.js'
import { Ledger } from '../../../../src/payment/ledger.js'
import { Granting } from '../../../../src/storage/takeover/granting.js'
import { Leaving, leftBy } from '../../../../src/storage/takeover/leaving.js'
import { takeoverTable } from '../../../../src/storage/tables.js'
import { Owner, provider } from '../../../parts/storage/taken.js'
import { lightningId, noPoint } from '../../../samples/people.js'
import type { Person } from '../../../samples/people.js'

function peerOf({ identity, device }: Person): Counterparty {
  return { identity, device: device.publicKey, lightning: lightningId(), address: null }
}

/** A provider with a lease of one device of an owner, who has another one. */
async function granting(t: TestContext) {
  const side = await provider(t)
  const owner = await Owner.make()
  const [laptop, desktop] = [await owner.device(), await owner.device()]
  const lease = await side.sold(laptop)
  const ledger = new Ledger(side.store, 'ledger')
  const taken: Buffer[] = []
  const made = new Granting({
    deals: { self: side.self, store: side.store } as unknown as Deals,
    leases: side.leases,
    ledger,
    debts: new Debts(side.store, ledger),
    leaving: new Leaving({ store: side.store, identity: side.self.identity, log: nullLogger }),
    log: nullLogger,
    ontaken: async device => void taken.push(device)
  })
  const answer = async (signed: SignedTakeover, as: Person): Promise<string> => {
    try {
      const agreements = [agreementId(lease.terms)]
      const { body } = await made.answer({ signed, agreements }, peerOf(as))
      return `${body.leases.length} leases`
    } catch (error) {
      if (!(error instanceof DeclineError)) throw error
      return error.word
    }
  }
  return { ...side, owner, laptop, desktop, lease, taken, answer }
}

test('what only the words may sign is refused from anybody else, and nothing changes', async t => {
  const { store, leases, owner, laptop, desktop, lease, taken, answer } = await granting(t)
  const stranger = await Owner.make()
  const thief = await stranger.device()
  const own = (change: Partial<Takeover>, by?: KeyPair): SignedTakeover =>
    owner.takeover(laptop, desktop, 5, change, by)
  for (const device of [laptop, desktop])
    assert.equal(await answer(own({}, device.device), desktop), 'SIGNATURE')
  assert.equal(await answer(own({}, stranger.key.identityKeyPair), desktop), 'SIGNATURE')
  assert.equal(await answer(own({ to: laptop.device.publicKey }), desktop), 'TAKEOVER')
  assert.equal(await answer(own({ lightning: noPoint() }), desktop), 'TAKEOVER')
  // Of another identity: by its own words, and by those of the owner.
  assert.equal(await answer(stranger.takeover(laptop, thief, 5), thief), 'TAKEOVER')
  assert.equal(await answer(own({}), thief), 'PARTIES')
  assert.equal(store.table(takeoverTable).count, 0)
  assert.deepEqual(taken, [])
  assert.ok(leases.buyerOf(lease.terms).device!.equals(laptop.device.publicKey))
})

test('a takeover by the words is answered the same again, and an earlier one is refused', async t => {
  const { store, leases, owner, laptop, desktop, lease, answer } = await granting(t)
  const phone = await owner.device()
  const signed = owner.takeover(laptop, desktop, 5)
  assert.equal(await answer(signed, desktop), '1 leases')
  assert.equal(await answer(signed, desktop), '1 leases')
  assert.equal(await answer(owner.takeover(laptop, phone, 4), phone), 'TAKEN_OVER')
  assert.equal(await answer(owner.takeover(laptop, phone, 5), phone), 'TAKEOVER')
  assert.equal(await answer(owner.takeover(desktop, laptop, 9), laptop), 'TAKEOVER')
  assert.ok(leases.buyerOf(lease.terms).device!.equals(desktop.device.publicKey))
  assert.equal(store.table(takeoverTable).count, 1)
})

test('a device that is shown its own takeover buys nothing more, when it is by its words', async t => {
  const { store, self, answer, desktop } = await granting(t)
  const stranger = await Owner.make()
  const other = await stranger.device()
  assert.equal(await answer(stranger.takeover(self, other, 5), desktop), 'PARTIES')
  assert.equal(leftBy(store), null)
})

test('of two takeovers of a device the later one stays', async t => {
  const { store } = await provider(t)
  const owner = await Owner.make()
  const [laptop, desktop, phone] = [await owner.device(), await owner.device(), await owner.device()]
  const leaving = new Leaving({ store, identity: owner.identity, log: nullLogger })
  leaving.demandHere()
  await leaving.hear(owner.takeover(laptop, desktop, 5))
  await leaving.hear(owner.takeover(laptop, phone, 4))
  assert.equal(leftBy(store)!.takeover!.n, 5)
  assert.throws(() => leaving.demandHere(), { code: 'TAKEN_OVER' })
})
