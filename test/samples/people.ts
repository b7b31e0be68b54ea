import { createECDH } from 'node:crypto'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import IdentityKey from 'keet-identity-key'
import type { Order } from '#spec'
import { isNodeId } from '../../contracts/keys/node-id.js'
import { DAY } from '../../contracts/money/quantity.js'
import { SIDE } from '../../contracts/order.js'

/** An identity with a device that it attests. */
export interface Person {
  identity: Buffer
  device: KeyPair
  proof: Buffer
}

export async function person(devices = 1): Promise<Person[]> {
  const key = await IdentityKey.from({ mnemonic: IdentityKey.generateMnemonic() })
  const people: Person[] = []
  for (let i = 0; i < devices; i++) {
    const device = crypto.keyPair()
    const proof = await key.bootstrap(device.publicKey)
    people.push({ identity: key.identityPublicKey, device, proof })
  }
  return people
}

/** Two identities, with one device each. */
export async function twoPeople(): Promise<[Person, Person]> {
  const [[one], [other]] = [await person(), await person()]
  return [one!, other!]
}

/** A storage ask at 25 sat per GiB and month, for a day from `created`. */
export function storageOrder(
  { identity, device }: Person,
  given: Pick<Order, 'market' | 'created' | 'body'> & Partial<Order>
): Order {
  return {
    nonce: Buffer.alloc(32, 7),
    revision: 1,
    side: SIDE.ask,
    resource: 'storage',
    network: 'play-1',
    price: 25_600_000n,
    expires: given.created + DAY,
    withdrawn: false,
    identity,
    device: device.publicKey,
    ...given
  }
}

/** The id of a Lightning node: the same for the same name, a new one without a name. */
export function lightningId(name: string | number = crypto.randomBytes(8).toString('hex')): Buffer {
  const key = createECDH('secp256k1')
  key.setPrivateKey(crypto.hash(Buffer.from(`lightning ${name}`)))
  return key.getPublicKey(null, 'compressed')
}

/** 33 bytes in the form of a Lightning node id that are not a point of the curve. */
export function noPoint(): Buffer {
  for (;;) {
    const bytes = Buffer.concat([Buffer.from([2]), crypto.randomBytes(32)])
    if (!isNodeId(bytes)) return bytes
  }
}
