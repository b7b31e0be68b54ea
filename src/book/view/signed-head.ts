import Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import caps from 'hypercore/lib/caps.js'
import type { SignedHead } from '#spec'

/** A multisignature of one signer without a patch: counts of one and zeros around the 64 bytes. */
const PROOFS = 2
const MULTISIGNATURE_BYTES = 68
const SIGNATURE_BYTES = 64

/** The head of the view that the founder signed last, as this node has it; null when it has none. */
export function signedHeadOf(view: Hypercore): SignedHead | null {
  const state = view.core?.state as SignedState | undefined
  if (!state?.signature || state.length === 0) return null
  const signature = soleSignature(state.signature)
  return signature && { length: state.length, fork: state.fork, hash: state.hash(), signature }
}

/** What Hypercore keeps of the signed part of a core. */
interface SignedState {
  length: number
  fork: number
  signature: Buffer | null
  hash(): Buffer
}

function soleSignature(signature: Buffer): Buffer | null {
  if (signature.byteLength === SIGNATURE_BYTES) return signature
  const isSole = signature.byteLength === MULTISIGNATURE_BYTES && signature[0] === 1 && signature[1] === 0
  return isSole ? signature.subarray(PROOFS, PROOFS + SIGNATURE_BYTES) : null
}

/** The key with which a market's founder signs its view: the market's key is the hash of it. Null for another view. */
export function founderOf(view: Hypercore, market: Buffer): Buffer | null {
  const { manifest } = view
  if (manifest?.signers.length !== 1) return null
  const { publicKey } = manifest.signers[0]!
  return Hypercore.key({ version: 1, signers: [{ publicKey }] }).equals(market) ? publicKey : null
}

/** True when the founder has signed this head of its view. */
export function isSigned(
  { length, fork, hash, signature }: SignedHead,
  view: Buffer,
  founder: Buffer
): boolean {
  return crypto.verify(caps.treeSignable(view, hash, length, fork), signature, founder)
}
