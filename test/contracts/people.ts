import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import IdentityKey from 'keet-identity-key'

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
