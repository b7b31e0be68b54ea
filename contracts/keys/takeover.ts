import type { SignedTakeover } from '#spec'
import { isNodeId } from './node-id.js'
import { verify } from './signature.js'

/**
 * Whether the root key of the identity has signed it, which is on no disk and comes from the 24 words: no device of the
 * identity can.
 */
export function isByTheWords({ takeover, signature }: SignedTakeover): boolean {
  return verify('takeover', takeover, signature, takeover.identity)
}

/** What is wrong with a takeover by itself, whoever signed it; null when it is valid. */
export function faultOfTakeover({ takeover }: SignedTakeover): string | null {
  const { identity, from, to, lightning } = takeover
  if (from.equals(to)) return 'it is from a device to itself'
  if (identity.equals(from) || identity.equals(to)) return 'it names the identity as a device'
  return isNodeId(lightning) ? null : 'it names no Lightning node id'
}
