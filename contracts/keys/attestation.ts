import IdentityKey from 'keet-identity-key'

/** Longest attestation chain that is read: identity, device, and a few devices that attest one another. */
export const MAX_PROOF_BYTES = 1024

export interface Author {
  identity: Buffer
  device: Buffer
}

/**
 * Does `proof` show that `author.device` belongs to `author.identity`, and (where there is `data`) that the device signed
 * it? Costs about 0.4 ms; never throws.
 */
export function attests(proof: Buffer | null, data: Buffer | null, author: Author): boolean {
  if (!proof || proof.byteLength > MAX_PROOF_BYTES) return false
  try {
    const verified = IdentityKey.verify(proof, data, {
      expectedIdentity: author.identity,
      expectedDevice: author.device
    })
    return verified !== null
  } catch {
    return false // bytes that are no proof prove nothing
  }
}

/** The identity and device that a proof speaks of, or null when it does not hold. */
export function authorOf(proof: Buffer | null): Author | null {
  if (!proof || proof.byteLength > MAX_PROOF_BYTES) return null
  try {
    const verified = IdentityKey.verify(proof, null)
    return verified && { identity: verified.identityPublicKey, device: verified.devicePublicKey }
  } catch {
    return null // bytes that are no proof prove nothing
  }
}
