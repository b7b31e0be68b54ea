declare module 'hypercore/lib/caps.js' {
  const caps: {
    /** The bytes that a signer of a core signs. */
    treeSignable(manifestHash: Buffer, treeHash: Buffer, length: number, fork: number): Buffer
  }
  export default caps
}
declare module 'hypercore' {
  import type { EventEmitter } from 'node:events'
  import type { Duplex } from 'node:stream'
  import type { KeyPair, TreeNode } from 'hypercore-crypto'

  export interface Range {
    done(): Promise<boolean>
    destroy(): void
  }

  export interface ReplicationPeer {
    remotePublicKey: Buffer
    stream: Duplex
    /** What it claims, once it has said so. */
    remoteFork: number
    remoteSynced: boolean
  }

  export interface Proof {
    fork: number
    block: { index: number; value: Buffer; nodes: TreeNode[] } | null
    upgrade: { start: number; length: number; nodes: TreeNode[]; additionalNodes: TreeNode[] } | null
  }

  /** Encrypts and decrypts blocks in place; `padding` bytes come before each. */
  export interface Encryption {
    padding(core: unknown, index: number): number
    encrypt(index: number, block: Buffer, fork: number, core: unknown): Promise<void> | void
    decrypt(index: number, block: Buffer, core: unknown): Promise<void> | void
  }

  /** Events: append, truncate, ready, close, peer-add, peer-remove, upload (index, bytes, peer), download (index, bytes, peer). */
  export default class Hypercore extends EventEmitter {
    static createProtocolStream(
      stream: Duplex | boolean,
      options?: { ondiscoverykey?: (discoveryKey: Buffer) => Promise<void> | void }
    ): Duplex
    readonly key: Buffer
    readonly discoveryKey: Buffer
    readonly id: string
    readonly keyPair: KeyPair | null
    readonly length: number
    readonly contiguousLength: number
    /** Bytes of the blocks, encryption padding included for a core opened without its encryption key. */
    readonly byteLength: number
    readonly padding: number
    /** Null for a core opened without its encryption key. */
    readonly encryption: Encryption | null
    readonly fork: number
    readonly writable: boolean
    readonly opened: boolean
    readonly closed: boolean
    readonly closing: Promise<void> | null
    readonly peers: ReplicationPeer[]
    readonly core: any
    /** Who may sign: null until it is known from storage or a peer. */
    readonly manifest: { version: number; signers: { publicKey: Buffer; namespace: Buffer }[] } | null
    /** The key of a core with that manifest. */
    static key(manifest: object): Buffer
    /** Length that the signers have signed; the rest is this node's own reckoning. */
    readonly signedLength: number
    ready(): Promise<void>
    close(): Promise<void>
    update(options?: { wait?: boolean }): Promise<boolean>
    append(blocks: Buffer | Buffer[]): Promise<{ length: number; byteLength: number }>
    /** `timeout` in ms; rejects with code REQUEST_TIMEOUT. Null where `wait` is false and the block is not here. */
    get(
      index: number,
      options?: { timeout?: number; wait?: boolean; decrypt?: boolean; raw?: boolean; valueEncoding?: object }
    ): Promise<Buffer | null>
    has(start: number, end?: number): Promise<boolean>
    clear(start: number, end?: number): Promise<{ blocks: number } | null>
    /** By default as the next fork. */
    truncate(length: number, options?: { fork: number }): Promise<void>
    purge(): Promise<void>
    setEncryption(encryption: Encryption): Promise<void>
    /** The block that has the byte, and where in it; null where `wait` is false and it is not known here. */
    seek(bytes: number, options?: { wait?: boolean }): Promise<[index: number, offset: number] | null>
    treeHash(length?: number): Promise<Buffer>
    proof(request: {
      block?: { index: number; nodes: number }
      upgrade?: { start: number; length: number }
    }): Promise<Proof>
    download(range?: { start?: number; end?: number; blocks?: Iterable<number>; linear?: boolean }): Range
    replicate(stream: Duplex, options?: { keepAlive?: boolean }): Duplex
    session(options?: object): Hypercore
    snapshot(options?: object): Hypercore
    findingPeers(): () => void
    info(options?: { storage?: boolean }): Promise<{ storage: any }>
    createReadStream(options?: { start?: number; end?: number; live?: boolean }): AsyncIterable<Buffer>
    setActive(active: boolean): void
  }
}

declare module 'hypercore/lib/messages.js' {
  /** Codecs of the messages of its replication protocol, by name. */
  export const wire: Record<string, object>
}
