import c from 'compact-encoding'
import type { KeyPair } from 'hypercore-crypto'
import type { Duplex } from 'node:stream'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { Channel } from 'protomux'
import { signRead, verifyRead } from '../../contracts/keys/read-key.js'
import type { ReadConnection } from '../../contracts/keys/read-key.js'
import { BOUNDS } from '../base/bounds/bounds.js'
import { TokenBucket } from '../base/token-bucket.js'
import { CutOff } from './cut-off.js'

/** One channel for each proof, with the read key for its id and the signature for its handshake. */
const PROTOCOL = 'bushel/read'
/** Of the side that proves nothing. */
const NO_PROOF = Buffer.alloc(64)

/** Why a provider does not serve a reader: what it may fetch under the lease is spent, or the paid time is over. */
export type Refusal = 'spent' | 'over'

/** Refusals on the wire. Readers skip what they do not know. */
const REFUSALS: readonly (Refusal | null)[] = [null, 'spent', 'over']

/** Proofs a second beyond the bound, each a signature to verify: who reads much over one connection proves each link. */
const PROOFS_PER_SECOND = 1

/** What a peer has proven: by the read key in hex, how to tell it on each channel why it is not served. */
type Proven = Map<string, Set<(why: Refusal) => void>>

const proven = new WeakMap<Duplex, Proven>()

/** True while the peer proves on this connection that it knows the link with this read key. */
export function hasProven(stream: Duplex, readKey: Buffer): boolean {
  return proven.get(stream)?.has(readKey.toString('hex')) === true
}

/** Tells a reader with this read key why it is not served. */
export function refuseReader(stream: Duplex, readKey: Buffer, why: Refusal): void {
  for (const tell of proven.get(stream)?.get(readKey.toString('hex')) ?? []) tell(why)
}

/** Accepts the peer's proofs. Must be called before anything is served on the connection. */
export function acceptProofs(stream: NoiseStream): void {
  const mux = Protomux.from(stream)
  const bucket = new TokenBucket({ burst: BOUNDS.proofs.peer!, perSecond: PROOFS_PER_SECOND })
  mux.pair({ protocol: PROTOCOL }, readKey => {
    if (!bucket.spend()) throw new CutOff('PROOFS', 'it shows too many proofs')
    if (readKey?.byteLength === 32) accept(mux, stream, readKey)
  })
}

function accept(mux: Protomux, stream: NoiseStream, readKey: Buffer): void {
  const keys: Proven = proven.get(stream) ?? new Map()
  proven.set(stream, keys)
  const name = readKey.toString('hex')
  const tell = (why: Refusal): void => void word?.send(REFUSALS.indexOf(why))
  const channel = openOn(mux, readKey, {
    onopen: signature => {
      if (signature.equals(NO_PROOF) || !verifyRead(connectionOf(stream, false), readKey, signature)) return
      keys.set(name, (keys.get(name) ?? new Set()).add(tell))
    },
    onclose: () => {
      const told = keys.get(name)
      if (told?.delete(tell) && told.size === 0) keys.delete(name)
    }
  })
  const word = channel?.addMessage<number>({ encoding: c.uint, onmessage: () => undefined })
  channel?.open(NO_PROOF)
}

/**
 * Proves to the peer that this side knows the link with this read key, until the function is called that it gives. Before it
 * asks for a core. `onrefused` hears why the peer does not serve it.
 */
export function proveRead(
  stream: NoiseStream,
  keyPair: KeyPair,
  onrefused: (why: Refusal) => void = () => undefined
): () => void {
  let channel: Channel | null = null
  let isOver = false
  const prove = (): void => {
    if (isOver) return
    channel = openOn(Protomux.from(stream), keyPair.publicKey, {})
    channel?.addMessage<number>({
      encoding: c.uint,
      onmessage: said => {
        const why = REFUSALS[said]
        if (why && !isOver) onrefused(why)
      }
    })
    channel?.open(signRead(connectionOf(stream, true), keyPair))
  }
  if (stream.connected) prove()
  else void stream.opened.then(open => open && prove())
  return () => {
    isOver = true
    channel?.close()
  }
}

function openOn(
  mux: Protomux,
  readKey: Buffer,
  listeners: { onopen?: (signature: Buffer) => void; onclose?: () => void }
): Channel | null {
  return mux.createChannel({
    protocol: PROTOCOL,
    id: readKey,
    unique: false,
    handshake: c.fixed64,
    ...listeners
  })
}

function connectionOf(stream: NoiseStream, isReader: boolean): ReadConnection {
  const { handshakeHash, publicKey, remotePublicKey } = stream
  return {
    handshakeHash,
    isInitiator: isReader === stream.isInitiator,
    reader: isReader ? publicKey : remotePublicKey,
    provider: isReader ? remotePublicKey : publicKey
  }
}
