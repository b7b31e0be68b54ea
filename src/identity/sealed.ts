import type IdentityKey from 'keet-identity-key'
import sodium from 'sodium-universal'

// The half of the identity key for encryption is used for nothing else. Anybody can seal for an identity: what is opened proves
// nothing about who wrote it.

/** Seals content so that only the holder of the 24 words opens it; the words are not needed for it. */
export function sealFor(identity: Buffer, content: Buffer): Buffer {
  const publicKey = Buffer.alloc(sodium.crypto_box_PUBLICKEYBYTES)
  sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey, identity)
  const box = Buffer.alloc(content.byteLength + sodium.crypto_box_SEALBYTES)
  sodium.crypto_box_seal(box, content, publicKey)
  return box
}

/** What was sealed for an identity; null when it was not, or is damaged. */
export function unseal({ identityKeyPair }: IdentityKey, box: Buffer): Buffer | null {
  if (box.byteLength < sodium.crypto_box_SEALBYTES) return null
  const publicKey = Buffer.alloc(sodium.crypto_box_PUBLICKEYBYTES)
  const secretKey = Buffer.alloc(sodium.crypto_box_SECRETKEYBYTES)
  try {
    sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey, identityKeyPair.publicKey)
    sodium.crypto_sign_ed25519_sk_to_curve25519(secretKey, identityKeyPair.secretKey)
    const content = Buffer.alloc(box.byteLength - sodium.crypto_box_SEALBYTES)
    return sodium.crypto_box_seal_open(content, box, publicKey, secretKey) ? content : null
  } finally {
    secretKey.fill(0)
  }
}
