import type Hypercore from 'hypercore'
import type { KeyPair } from 'hypercore-crypto'
import type { ViewHead } from '#spec'
import { sign, verify } from '../../../contracts/keys/signature.js'

const UNSIGNED = Buffer.alloc(64)

/** Signs the head of the view up to the founder's signature; null when nothing is signed yet. */
export function vouchFor(core: Hypercore, market: Buffer, tick: number, device: KeyPair): ViewHead | null {
  const length = core.signedLength
  if (length === 0) return null
  const signer = device.publicKey
  const head: ViewHead = { market, view: core.key, length, tick, signer, signature: UNSIGNED }
  return { ...head, signature: sign('view-head', head, device) }
}

/** True when the head is of this market and its signature is valid. The view itself says whether the signer is a relay. */
export function isVouched(head: ViewHead, market: Buffer): boolean {
  const said = { ...head, signature: UNSIGNED }
  return head.market.equals(market) && verify('view-head', said, head.signature, head.signer)
}
