declare module 'hyperdrive' {
  import type { EventEmitter } from 'node:events'
  import type Corestore from 'corestore'
  import type Hyperblobs from 'hyperblobs'
  import type { BlobId } from 'hyperblobs'
  import type Hypercore from 'hypercore'

  /** One entry as any Hyperdrive tool writes and reads it. */
  export interface DriveEntry {
    executable: boolean
    linkname: string | null
    blob: BlobId | null
    metadata: unknown
  }

  interface Encodings {
    keyEncoding: 'binary'
    valueEncoding: 'json'
  }

  /** The Hyperbee of the entries. */
  export interface EntryBee {
    readonly core: Hypercore
    /** Written into the header with the first entry. */
    metadata: { contentFeed: Buffer | null; userData?: Buffer }
    batch(): {
      /** With `ensureHeader`, writes the header of an empty Hyperbee. */
      getRoot(ensureHeader: boolean): Promise<unknown>
      put(key: Buffer, value: object, encodings: Encodings): Promise<void>
      flush(): Promise<void>
    }
    getHeader(): Promise<{ metadata: { userData: Buffer | null } | null } | null>
    createReadStream(
      range: { gt: Buffer; lt: Buffer },
      encodings: Encodings
    ): AsyncIterable<{ key: Buffer; value: unknown }>
  }

  /** Events: blobs (hyperblobs). Closing it closes the store that it was given. */
  export default class Hyperdrive extends EventEmitter {
    constructor(store: Corestore, options?: { encryptionKey?: Buffer })
    constructor(store: Corestore, key: Buffer, options?: { encryptionKey?: Buffer })
    /** Key of the blobs core that goes with an entries core whose manifest is known. */
    static getContentKey(entries: Hypercore): Buffer
    readonly key: Buffer
    readonly discoveryKey: Buffer
    readonly core: Hypercore
    readonly db: EntryBee
    readonly blobs: Hyperblobs | null
    ready(): Promise<void>
    close(): Promise<void>
    getBlobs(): Promise<Hyperblobs | null>
    get(name: string): Promise<Buffer | null>
    put(name: string, content: Buffer, options?: { executable?: boolean }): Promise<void>
    symlink(name: string, target: string): Promise<void>
    entry(name: string): Promise<{ key: string; value: DriveEntry } | null>
    list(folder?: string): AsyncIterable<{ key: string; value: DriveEntry }>
  }
}
