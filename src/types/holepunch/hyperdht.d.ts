declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events'
  import type { Duplex } from 'node:stream'
  import type { ForwardedStream } from 'blind-relay'
  import type { KeyPair } from 'hypercore-crypto'

  /** An encrypted, authenticated stream: `remotePublicKey` is proven by the handshake. */
  export interface NoiseStream extends Duplex {
    readonly publicKey: Buffer
    readonly remotePublicKey: Buffer
    readonly handshakeHash: Buffer
    readonly isInitiator: boolean
    readonly opened: Promise<boolean>
    readonly noiseStream: NoiseStream
    /** Of UDX; bytes as they went over the wire. */
    readonly rawStream: EventEmitter & {
      readonly bytesTransmitted: number
      readonly bytesReceived: number
      readonly remoteHost: string | null
      readonly remotePort: number
      readonly destroyed: boolean
    }
    /** Sends nothing, which the other side acknowledges. */
    sendKeepAlive(): void
    readonly destroying: boolean
    readonly connected: boolean
    /** Of secret-stream: 1 once the length of a frame is read, the length, the bytes that came of it, and its buffer. */
    readonly _state: number
    readonly _len: number
    readonly _tmp: number
    readonly _message: Buffer | null
    /** Of secret-stream: bytes of the frames that came whole. */
    readonly rawBytesRead: number
    /** Of streamx: bytes that were written and wait to be sent. */
    readonly _writableState: { readonly buffered: number }
    userData: any
    /** ms; 0 switches it off. */
    setKeepAlive(ms: number): void
    setTimeout(ms: number): void
  }

  export interface Options {
    bootstrap?: { host: string; port: number }[]
    host?: string
    port?: number
    keyPair?: KeyPair
    firewalled?: boolean
    ephemeral?: boolean
    anyPort?: boolean
    /** Whether it asks one node at the start whether that gets through; by default. */
    quickFirewall?: boolean
  }

  /** Where a packet came from, or where its sender saw this node. */
  export interface PeerAddress {
    host: string
    port: number
  }

  /** Finds out from answers of others which address this node has for them. */
  export interface NatSampler {
    readonly host: string | null
    /** 0: another one for each. */
    readonly port: number
    add(host: string, port: number): void
  }

  export interface Server extends EventEmitter {
    readonly publicKey: Buffer
    listen(keyPair?: KeyPair): Promise<void>
    close(): Promise<void>
    /** Announces it anew soon. */
    refresh(): void
    /** Null unless it listens. `relays`: the nodes that know of it. */
    readonly _announcer: { readonly relays: readonly unknown[] } | null
  }

  /** Events: nat-update, network-change, network-update. */
  export default class HyperDHT extends EventEmitter {
    constructor(options?: Options)
    static bootstrapper(port: number, host: string, options?: Options): HyperDHT
    /** Null until others have said it. */
    readonly host: string | null
    /** 0 before that, and when each packet leaves by another one. */
    readonly port: number
    /** True behind a router that lets nobody in. */
    readonly firewalled: boolean
    readonly randomized: boolean
    readonly online: boolean
    readonly nodes: { readonly length: number }
    readonly io: {
      readonly serverSocket: EventEmitter & { address(): { port: number } }
      readonly stats: { readonly requests: { readonly timeouts: number } }
      bind(): Promise<void>
    }
    readonly listening: ReadonlySet<Server>
    readonly defaultKeyPair: KeyPair
    createServer(options: object, listener: (stream: NoiseStream) => void): Server
    connect(publicKey: Buffer, options?: object): NoiseStream
    createRawStream(options?: object): ForwardedStream
    address(): { host: string; port: number }
    fullyBootstrapped(): Promise<void>
    /** The nodes that it knows, the latest first. */
    toArray(options?: { limit?: number }): { host: string; port: number }[]
    /** Rejects without an answer; a packet is sent four times, a second apart, unless told otherwise. */
    ping(node: { host: string; port: number }, options?: { retry?: boolean }): Promise<unknown>
    destroy(options?: { force?: boolean }): Promise<void>
    _nat: NatSampler
    /** Punches towards random ports that are under way, how many may be, and when the last one ended; ms. */
    readonly _randomPunches: number
    readonly _randomPunchLimit: number
    readonly _lastRandomPunch: number
    readonly _randomPunchInterval: number
    /** Called for each answer and request of another node: where it is, and where it sees this one. */
    _addNodeFromNetwork(sample: boolean, from: PeerAddress & { id: Buffer | null }, to: PeerAddress): void
    /** Asks other nodes whether they get through to this one; never rejects. */
    _updateNetworkState(onlyFirewall?: boolean): Promise<boolean>
  }
}

declare module 'hyperdht/testnet.js' {
  import type HyperDHT from 'hyperdht'

  export interface Testnet {
    bootstrap: { host: string; port: number }[]
    nodes: HyperDHT[]
    createNode(options?: object): HyperDHT
    destroy(): Promise<void>
  }
  export default function createTestnet(size?: number, options?: object): Promise<Testnet>
}
