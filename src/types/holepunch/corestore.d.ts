declare module 'corestore' {
  import type { EventEmitter } from 'node:events'
  import type { Duplex } from 'node:stream'
  import type Hypercore from 'hypercore'
  import type { KeyPair } from 'hypercore-crypto'
  import type Rache from 'rache'

  export interface GetOptions {
    name?: string
    key?: Buffer
    discoveryKey?: Buffer
    keyPair?: KeyPair
    encryption?: { key: Buffer } | null
    createIfMissing?: boolean
    valueEncoding?: any
    active?: boolean
    /** False: another fork is never taken. */
    allowFork?: boolean
    writable?: boolean
    exclusive?: boolean
    manifest?: any
  }

  /** `storage` is a folder or a CoreStorage of hypercore-storage. */
  export default class Corestore extends EventEmitter {
    constructor(
      storage: string | object,
      options?: {
        primaryKey?: Buffer
        unsafe?: boolean
        readOnly?: boolean
        allowBackup?: boolean
        /** Shared by everything that caches what it reads from the cores. */
        globalCache?: Rache
      }
    )
    readonly storage: any
    readonly globalCache: Rache | null
    readonly primaryKey: Buffer
    readonly opened: boolean
    /** The open cores, by discovery key in hex. */
    readonly cores: { readonly map: Map<string, any> }
    ready(): Promise<void>
    close(): Promise<void>
    get(options: GetOptions | Buffer): Hypercore
    namespace(name: string | Buffer): Corestore
    session(): Corestore
    replicate(stream: Duplex | boolean, options?: object): Duplex
    createKeyPair(name: string): Promise<KeyPair>
    suspend(): Promise<void>
  }
}

/** A cache of entries, of which a random one goes when there are too many; its parts share one bound. */
declare module 'rache' {
  export default class Rache {
    constructor(options?: { maxSize?: number })
    readonly maxSize: number
    readonly globalSize: number
  }
}

declare module 'hypercore-storage' {
  /** Sizes in bytes; the two fractions say which blob files a compaction rewrites. */
  export interface StorageOptions {
    blobFileSize?: number
    blobGarbageCollectionAgeCutOff?: number
    blobGarbageCollectionForceThreshold?: number
    /** Bytes kept in memory before they are written to a table. */
    writeBufferSize?: number
    maxOpenFiles?: number
    allowBackup?: boolean
    readOnly?: boolean
  }

  export default class HypercoreStorage {
    constructor(dir: string, options?: StorageOptions)
    readonly rocks: any
    ready(): Promise<void>
    close(): Promise<void>
    compact(): Promise<void>
  }
}
