declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events'
  import type { Duplex } from 'node:stream'
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
    }
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
  }

  export interface Server extends EventEmitter {
    readonly publicKey: Buffer
    listen(keyPair?: KeyPair): Promise<void>
    close(): Promise<void>
  }

  export default class HyperDHT extends EventEmitter {
    constructor(options?: Options)
    static bootstrapper(port: number, host: string, options?: Options): HyperDHT
    readonly host: string
    readonly port: number
    readonly defaultKeyPair: KeyPair
    createServer(options: object, listener: (stream: NoiseStream) => void): Server
    connect(publicKey: Buffer, options?: object): NoiseStream
    address(): { host: string; port: number }
    fullyBootstrapped(): Promise<void>
    destroy(options?: { force?: boolean }): Promise<void>
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
