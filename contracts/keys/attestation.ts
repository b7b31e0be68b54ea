import IdentityKey from 'keet-identity-key'

/** Size of the longest attestation chain that is read: an identity, a device, and a few devices that attest each other. */
export const MAX_PROOF_BYTES = 1024

export interface Author {
  identity: Buffer
  device: Buffer
}

/**
 * True when `proof` shows that `author.device` belongs to `author.identity` and, unless `data` is null, that the device
 * signed `data`. Takes about 0.4 ms; never throws.
 */
export function attests(proof: Buffer | null, data: Buffer | null, author: Author): boolean {
  if (!proof || proof.byteLength > MAX_PROOF_BYTES || isOwnDevice(author)) return false
  try {
    const verified = IdentityKey.verify(proof, data, {
      expectedIdentity: author.identity,
      expectedDevice: author.device
    })
    return verified !== null
  } catch {
    return false // malformed bytes prove nothing
  }
}

/** The identity and the device that a proof names, which has signed `data` unless that is null; null when the proof is invalid. */
export function authorOf(proof: Buffer | null, data: Buffer | null = null): Author | null {
  if (!proof || proof.byteLength > MAX_PROOF_BYTES) return null
  try {
    const verified = IdentityKey.verify(proof, data)
    if (!verified) return null
    const author = { identity: verified.identityPublicKey, device: verified.devicePublicKey }
    return isOwnDevice(author) ? null : author
  } catch {
    return null // malformed bytes prove nothing
  }
}

/** True for what a chain without links shows: it has no signature, and the identity need not even be a key. */
function isOwnDevice({ identity, device }: Author): boolean {
  return identity.equals(device)
}
