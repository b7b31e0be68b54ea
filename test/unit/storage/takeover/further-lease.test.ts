import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyPair } from 'hypercore-crypto'
import type { Lease, MirrorJob, TakenLease, Terms } from '#spec'
import { hashOf } from '../../../../contracts/schema/codec.js'
import { sign } from '../../../../contracts/keys/signature.js'
import { planInstallments } from '../../../../contracts/money/installments.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { STRIP_LENGTH } from '../../../../contracts/schema/counts.js'
import { agreementId } from '../../../../contracts/terms.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { faultOfFurther, furtherLease } from '../../../../src/storage/takeover/further-lease.js'
import { NOW, Owner } from '../../../parts/storage/taken.js'
import { leaseTerms, partiesOf } from '../../../samples/evidence/parties.js'
import { lightningId, person } from '../../../samples/people.js'

/** A lease of a laptop that another device has imported, and what its provider shows of an extension. */
async function extended() {
  const owner = await Owner.make()
  const [laptop, thief] = [await owner.device(), await (await Owner.make()).device()]
  const [provider] = await person()
  const parties = partiesOf(laptop, provider!)
  const terms: Terms = {
    ...leaseTerms({ ...parties, countersignBy: NOW }),
    buyer: { ...parties.buyer, lightning: lightningId() },
    provider: { ...parties.provider, lightning: lightningId() }
  }
  const known: Lease = {
    ...{ role: 'buyer', state: LEASE.STORED, created: NOW, committed: NOW, start: NOW },
    ...{ terms, signature: sign('terms', terms, laptop.device), link: 'bushel://films' }
  }
  const right: Terms = {
    ...terms,
    ...{ nonce: Buffer.alloc(32, 9), follows: agreementId(terms) },
    ...{ countersignBy: NOW + DAY, startBy: NOW + DAY }
  }
  const shown = (
    change: Partial<Terms> = {},
    buyer: KeyPair = laptop.device,
    seller: KeyPair = provider!.device
  ): TakenLease => {
    const next = { ...right, ...change }
    const agreement = agreementId(next)
    const installments = planInstallments(next)
      .slice(0, STRIP_LENGTH)
      .map(({ number, msat }) => ({
        installment: number,
        issue: 0,
        hash: Buffer.alloc(32, number + 1),
        msat
      }))
    const list = { agreement, installments }
    const cores = next.cores.map(core => ({ ...core, fork: 0, treeHash: Buffer.alloc(32, 5) }))
    const seal = { agreement, cores }
    const stored = { seal: hashOf('seal', seal), start: NOW + 30 * DAY, paidUntil: NOW + 60 * DAY }
    return {
      ...{ agreement, paidMsat: 0n },
      agree: { terms: next, signature: sign('terms', next, buyer) },
      countersign: { list, signature: sign('installment-list', list, seller) },
      seal: { seal, signature: sign('seal', seal, buyer) },
      stored: { stored, signature: sign('stored', stored, seller) }
    }
  }
  const read = (taken: TakenLease, at: Lease = known): Lease | null =>
    furtherLease(taken, [at], laptop.device.publicKey)?.lease ?? null
  return { known, shown, read, thief, provider: provider! }
}

test('an extension that the device before has made is found again', async () => {
  const { known, shown, read } = await extended()
  const next = read(shown())!
  assert.deepEqual([next.state, next.start, next.link], [LEASE.NEXT, NOW + 30 * DAY, 'bushel://films'])
  assert.equal(read(shown(), { ...known, state: LEASE.ENDED })!.state, LEASE.STORED)
  const unsealed = read({ ...shown(), stored: null })!
  assert.deepEqual([unsealed.state, unsealed.start], [LEASE.ACTIVE, 0])
})

test('a provider cannot invent a lease, nor show an older one', async () => {
  const { shown, read, thief, provider } = await extended()
  const good = shown()
  assert.equal(read(shown({}, provider.device)), null)
  assert.equal(read(shown({}, thief.device)), null)
  assert.equal(read(shown({}, undefined, thief.device)), null)
  assert.equal(read(shown({ countersignBy: NOW, startBy: NOW })), null)
  assert.equal(read(shown({ readKey: Buffer.alloc(32, 7) })), null)
  assert.equal(read(shown({ cores: [{ key: Buffer.alloc(32, 8), length: 1, byteLength: 1 }] })), null)
  assert.equal(read({ ...good, agreement: Buffer.alloc(32) }), null)
  assert.equal(read({ ...good, agree: null }), null)
  assert.equal(read({ ...good, countersign: null }), null)
  const dearer = { ...good.agree!, terms: { ...good.agree!.terms!, price: 1_000_000_000n } }
  assert.equal(read({ ...good, agree: dearer }), null)
  const party = { identity: thief.identity, device: thief.device.publicKey, lightning: lightningId() }
  assert.equal(read(shown({ buyer: party }, thief.device)), null)
})

test('a lease that costs more than this node would buy by itself is not paid on', async () => {
  const { known, shown } = await extended()
  const job = { copies: 1, maxPrice: 0n, renewMaxPrice: null } as unknown as MirrorJob
  const fault = (change: Partial<Terms>, given: Partial<MirrorJob> = {}, paidMsat = 0n): string | null => {
    const lease = { ...known, terms: shown(change).agree!.terms! }
    return faultOfFurther({ ...job, ...given }, { all: [known] }, { lease, before: known }, paidMsat)
  }
  const { price } = known.terms
  assert.equal(fault({}), null)
  assert.equal(fault({ price: 2n * price! }), null)
  assert.match(fault({ price: 3n * price! })!, /more than at/)
  assert.equal(fault({ price: 3n * price! }, { renewMaxPrice: 3n * price! }), null)
  for (const dear of [{ minChargeMsat: 10_000_000n }, { leastMsat: 10_000_000n }])
    assert.match(fault(dear)!, /more than at/)
  const large = { price: 200n * price!, firstInstallmentMsat: 600_000n, maxInstallmentMsat: 600_000n }
  assert.match(fault(large, { renewMaxPrice: 300n * price! })!, /at once/)
  assert.equal(
    fault(
      { ...large, maxInstallmentMsat: 500_000n, firstInstallmentMsat: 500_000n },
      { renewMaxPrice: 300n * price! }
    ),
    null
  )
})
