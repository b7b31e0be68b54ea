import type { Duplex } from 'node:stream'
import c, { type State } from 'compact-encoding'
import type { NoiseStream } from 'hyperdht'
import Protomux, { type Channel } from 'protomux'
import { NODE_ID_BYTES, isNodeId } from '../../../../contracts/keys/node-id.js'
import { Backoff } from '../../../base/backoff.js'
import { Pipe } from './pipe.js'
import type { Attachment, AttachOptions } from './streams.js'

const PROTOCOL = 'bushel/lightning'
const MAX_NETWORK_LENGTH = 64
/** Delay before a session is reopened, ms. */
const REOPEN = { first: 100, last: 5_000 }
/** Session length after which the delay is reset. */
const STEADY_MS = 1_000

interface Handshake {
  network: string
  nodeId: Buffer
}

const nodeIdEncoding = c.fixed(NODE_ID_BYTES)

const handshakeEncoding = {
  preencode(state: State, { network }: Handshake): void {
    c.string.preencode(state, network)
    state.end += NODE_ID_BYTES
  },
  encode(state: State, { network, nodeId }: Handshake): void {
    c.string.encode(state, network)
    nodeIdEncoding.encode(state, nodeId)
  },
  /** An error thrown here ends only the connection. */
  decode(state: State): Handshake {
    const network = c.string.decode(state)
    if (network.length > MAX_NETWORK_LENGTH) throw new Error('handshake too long')
    const nodeId = Buffer.from(nodeIdEncoding.decode(state))
    if (!isNodeId(nodeId)) throw new Error('not a node id')
    return { network, nodeId }
  }
}

/** The part of the wallet that a link uses. */
export interface LinkedWallet {
  readonly network: string
  readonly nodeId: Buffer
  /** Why calls fail now; null while the wallet works. */
  readonly failure: Error | null
  readonly closing: Promise<void> | null
  attach(stream: Duplex, options: AttachOptions): Attachment
}

export interface LightningLink {
  /** Ends the Lightning session; the connection stays. */
  close(): void
}

/**
 * Runs Lightning with the peer of a Hyperswarm connection, beside other protocols, as long as the connection lasts. Both
 * sides call this. When a session ends (a Lightning process died) a new one begins. Lightning's own handshake proves the
 * node id that the peer claims. The wallet must be open.
 */
export function linkLightning(stream: NoiseStream, wallet: LinkedWallet): LightningLink {
  return new WalletLink(stream, wallet)
}

class WalletLink implements LightningLink {
  readonly #stream: NoiseStream
  readonly #mux: Protomux
  readonly #wallet: LinkedWallet
  #channel: Channel | null = null
  #timer: NodeJS.Timeout | null = null
  readonly #backoff = new Backoff(REOPEN)
  #closed = false
  readonly #onclose = (): void => this.close()

  constructor(stream: NoiseStream, wallet: LinkedWallet) {
    this.#stream = stream
    this.#wallet = wallet
    this.#mux = Protomux.from(stream)
    this.#mux.pair({ protocol: PROTOCOL, id: null }, () => this.#open())
    stream.once('close', this.#onclose)
    this.#open()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#stream.off('close', this.#onclose)
    this.#mux.unpair({ protocol: PROTOCOL, id: null })
    this.#channel?.close()
  }

  #open(): void {
    if (this.#wallet.closing) this.close()
    if (this.#closed || this.#channel || this.#stream.destroyed) return
    if (this.#wallet.failure) return this.#reopenLater() // the process is restarted after a delay
    let pipe: Pipe | null = null
    let openedAt = Infinity
    const channel = this.#mux.createChannel({
      protocol: PROTOCOL,
      id: null,
      handshake: handshakeEncoding,
      onopen: (remote: Handshake) => {
        if (remote.network !== this.#wallet.network) return this.close()
        openedAt = performance.now()
        pipe = new Pipe({
          data: bytes => data.send(bytes),
          credit: size => credit.send(size),
          closed: () => channel?.close()
        })
        this.#attach(pipe, remote.nodeId)
      },
      onclose: () => {
        this.#channel = null
        pipe?.destroy()
        if (performance.now() - openedAt > STEADY_MS) this.#backoff.reset()
        this.#reopenLater()
      }
    })
    if (!channel) return
    const check = (allowed: boolean | undefined): void => {
      if (allowed === false) this.#stream.destroy()
    }
    const data = channel.addMessage<Buffer>({
      encoding: c.raw,
      onmessage: bytes => check(pipe?.receive(Buffer.from(bytes)))
    })
    const credit = channel.addMessage<number>({
      encoding: c.uint,
      onmessage: size => check(pipe?.credited(size))
    })
    this.#channel = channel
    channel.open({ network: this.#wallet.network, nodeId: this.#wallet.nodeId })
  }

  #attach(pipe: Pipe, nodeId: Buffer): void {
    const outbound = this.#stream.isInitiator
    this.#wallet.attach(pipe, { nodeId, outbound, owner: this.#stream.remotePublicKey })
  }

  /** Only the initiator reopens a session; the other side answers. */
  #reopenLater(): void {
    if (this.#closed || !this.#stream.isInitiator) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#open(), this.#backoff.next())
    this.#timer.unref()
  }
}
