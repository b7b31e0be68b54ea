import c from 'compact-encoding'
import type { KeyPair } from 'hypercore-crypto'
import type { Duplex } from 'node:stream'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { Channel } from 'protomux'
import { signRead, verifyRead } from '../../contracts/keys/read-key.js'
import type { ReadConnection } from '../../contracts/keys/read-key.js'
import { BOUNDS } from '../base/bounds/bounds.js'
import { CutOff } from './cut-off.js'

/** One channel for each proof, with the read key for its id and the signature for its handshake. */
const PROTOCOL = 'bushel/read'
/** Of the side that proves nothing. */
const NO_PROOF = Buffer.alloc(64)

/** What a provider may say to a reader: the egress of its lease is spent. */
const SPENT = 1

/** How to say it to the peer of a connection, by the read keys that it has shown, in hex. */
const readers = new WeakMap<Duplex, Map<string, () => void>>()

/** The read keys, in hex, that each peer has proven on its connection. */
const proven = new WeakMap<Duplex, Set<string>>()

/** True when the peer has proven on this connection that it knows the link with this read key. */
export function hasProven(stream: Duplex, readKey: Buffer): boolean {
  return proven.get(stream)?.has(readKey.toString('hex')) === true
}

/** Tells a reader with this read key that the egress of its lease is spent. */
export function tellSpent(stream: Duplex, readKey: Buffer): void {
  readers.get(stream)?.get(readKey.toString('hex'))?.()
}

/** Accepts the peer's proofs. Must be called before anything is served on the connection. */
export function acceptProofs(stream: NoiseStream): void {
  const mux = Protomux.from(stream)
  let proofs = 0
  mux.pair({ protocol: PROTOCOL }, readKey => {
    if (++proofs > BOUNDS.proofs.peer) throw new CutOff('PROOFS', 'it shows too many proofs')
    if (readKey?.byteLength === 32) openOn(mux, stream, readKey)?.open(NO_PROOF)
  })
}

/**
 * Proves to the peer that this side knows the link with this read key. Before it asks for a core. `onspent` hears when the
 * peer says that the egress of its lease is spent.
 */
export function proveRead(stream: NoiseStream, keyPair: KeyPair, onspent = (): void => undefined): void {
  if (!stream.connected) return void stream.opened.then(open => open && proveRead(stream, keyPair, onspent))
  const mux = Protomux.from(stream)
  openOn(mux, stream, keyPair.publicKey, onspent)?.open(signRead(connectionOf(stream, true), keyPair))
}

function openOn(
  mux: Protomux,
  stream: NoiseStream,
  readKey: Buffer,
  onspent = (): void => undefined
): Channel | null {
  const name = readKey.toString('hex')
  const channel = mux.createChannel({
    protocol: PROTOCOL,
    id: readKey,
    unique: false,
    handshake: c.fixed64,
    onopen: (signature: Buffer) => {
      if (signature.equals(NO_PROOF) || !verifyRead(connectionOf(stream, false), readKey, signature)) return
      const keys = proven.get(stream) ?? new Set()
      proven.set(stream, keys.add(name))
    }
  })
  const word = channel?.addMessage<number>({
    encoding: c.uint,
    onmessage: said => {
      if (said === SPENT) onspent()
    }
  })
  const told = readers.get(stream) ?? new Map<string, () => void>()
  if (word)
    readers.set(
      stream,
      told.set(name, () => void word.send(SPENT))
    )
  return channel
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
