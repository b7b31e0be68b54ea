declare module 'hyperswarm' {
  import type { EventEmitter } from 'node:events'
  import type HyperDHT from 'hyperdht'
  import type { NoiseStream } from 'hyperdht'
  import type { KeyPair } from 'hypercore-crypto'

  export interface PeerInfo {
    publicKey: Buffer
    topics: Buffer[]
    ban(status: boolean): void
  }

  export interface Discovery {
    flushed(): Promise<boolean>
    refresh(options?: { client?: boolean; server?: boolean }): Promise<void>
    destroy(): Promise<void>
  }

  /** Events: connection (stream, info), update. */
  export default class Hyperswarm extends EventEmitter {
    constructor(options?: {
      keyPair?: KeyPair
      dht?: HyperDHT
      bootstrap?: { host: string; port: number }[]
      maxPeers?: number
      maxClientConnections?: number
      /** Connections that are being opened at the same time. */
      maxParallel?: number
      firewall?: (remotePublicKey: Buffer) => boolean
      /**
       * The forwarder to offer to the other side; null for none. `force` is undefined for who dials this node, else true
       * once a dial of the same device has failed.
       */
      relayThrough?: (force: boolean | undefined) => Buffer | null
    })
    readonly keyPair: KeyPair
    readonly dht: HyperDHT
    readonly connections: Set<NoiseStream>
    readonly peers: Map<string, PeerInfo>
    readonly connecting: number
    /** Connections that this side began and did not end yet are the attempted ones without the closed ones. */
    readonly stats: { connects: { client: { attempted: number; closed: number } } }
    join(topic: Buffer, options?: { client?: boolean; server?: boolean; limit?: number }): Discovery
    leave(topic: Buffer): Promise<void>
    joinPeer(publicKey: Buffer): void
    leavePeer(publicKey: Buffer): void
    listen(): Promise<void>
    flush(): Promise<boolean>
    destroy(options?: { force?: boolean }): Promise<void>
  }
}
