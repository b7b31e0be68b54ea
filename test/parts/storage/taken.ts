import type { TestContext } from 'node:test'
import IdentityKey from 'keet-identity-key'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import type { Lease, SignedTakeover, Takeover, Terms } from '#spec'
import { sign } from '../../../contracts/keys/signature.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'
import { Leases } from '../../../src/storage/lease/leases.js'
import type { Store } from '../../../src/store/store.js'
import { leaseTerms, partiesOf } from '../../samples/evidence/parties.js'
import { lightningId, person } from '../../samples/people.js'
import type { Person } from '../../samples/people.js'
import { folder } from '../folder.js'
import { storeIn } from '../store/store-in.js'

export const NOW = Date.UTC(2030, 0, 1)

/** An identity with its words, whose devices are made one after the other. */
export class Owner {
  readonly key: IdentityKey

  private constructor(key: IdentityKey) {
    this.key = key
  }

  static async make(): Promise<Owner> {
    return new Owner(await IdentityKey.from({ mnemonic: IdentityKey.generateMnemonic() }))
  }

  get identity(): Buffer {
    return Buffer.from(this.key.identityPublicKey)
  }

  async device(): Promise<Person> {
    const device = crypto.keyPair()
    const proof = Buffer.from(await this.key.bootstrap(device.publicKey))
    return { identity: this.identity, device, proof }
  }

  /** A takeover, by the words unless another key is given. */
  takeover(
    from: Person,
    to: Person,
    n: number,
    change: Partial<Takeover> = {},
    by: KeyPair = this.key.identityKeyPair
  ): SignedTakeover {
    const takeover = {
      ...{ identity: this.identity, from: from.device.publicKey, to: to.device.publicKey },
      ...{ lightning: lightningId(to.device.publicKey.toString('hex')), n, ...change }
    }
    return { takeover, signature: sign('takeover', takeover, by) }
  }
}

/** A provider's store. */
export async function provider(t: TestContext): Promise<{
  store: Store
  leases: Leases
  self: Person
  sold(to: Person, given?: Partial<Lease>): Promise<Lease>
}> {
  const store = storeIn(await folder(t))
  await store.ready()
  t.after(() => store.close())
  const leases = new Leases(store)
  const [self] = await person()
  let n = 0
  const sold = async (to: Person, given: Partial<Lease> = {}): Promise<Lease> => {
    const nonce = Buffer.alloc(32, ++n)
    const terms: Terms = { ...leaseTerms({ ...partiesOf(to, self!), countersignBy: NOW }), nonce }
    const first: Lease = {
      ...{ role: 'provider', state: LEASE.COUNTERSIGNED, created: NOW, committed: 0, start: 0 },
      ...{ terms, signature: Buffer.alloc(64) }
    }
    await leases.save(first)
    if (given.committed === 0) return first
    const active = { ...first, state: LEASE.ACTIVE, committed: NOW }
    await leases.save(active)
    const stored = { ...active, state: LEASE.STORED, start: NOW }
    await leases.save(stored)
    return stored
  }
  return { store, leases, self: self!, sold }
}
