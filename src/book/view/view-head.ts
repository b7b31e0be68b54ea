import type Hypercore from 'hypercore'
import type { KeyPair } from 'hypercore-crypto'
import type { ViewHead } from '#spec'
import { sign, verify } from '../../../contracts/keys/signature.js'

const UNSIGNED = Buffer.alloc(64)

/** A relay's word on where the view is, as far as the founder has signed it; null when that is nowhere yet. */
export function vouchFor(core: Hypercore, market: Buffer, tick: number, device: KeyPair): ViewHead | null {
  const length = core.signedLength
  if (length === 0) return null
  const signer = device.publicKey
  const head: ViewHead = { market, view: core.key, length, tick, signer, signature: UNSIGNED }
  return { ...head, signature: sign('view-head', head, device) }
}

/** Is it of that market, and does its signature hold? Whether the signer is a relay stands in the view itself. */
export function isVouched(head: ViewHead, market: Buffer): boolean {
  const said = { ...head, signature: UNSIGNED }
  return head.market.equals(market) && verify('view-head', said, head.signature, head.signer)
}
