declare module 'hyperbee' {
  import type Hypercore from 'hypercore'

  export interface Entry<K, V> {
    seq: number
    key: K
    value: V
  }

  export interface Range<K> {
    gt?: K
    gte?: K
    lt?: K
    lte?: K
    reverse?: boolean
    limit?: number
  }

  /** How blocks that are not here are fetched: `timeout` in ms (rejects with REQUEST_TIMEOUT), `wait: false` not at all. */
  export interface Fetching {
    timeout?: number
    wait?: boolean
  }

  // `get` is left out: it may return a deleted row (see `rowAt` of the book's view).

  export interface Batch<K, V> {
    peek(range: Range<K>, options?: Fetching): Promise<Entry<K, V> | null>
    put(key: K, value: V): Promise<void>
    del(key: K): Promise<void>
    createReadStream(range?: Range<K>, options?: Fetching): AsyncIterable<Entry<K, V>>
    flush(): Promise<void>
    close(): Promise<void>
  }

  export default class Hyperbee<K = Buffer, V = Buffer> {
    constructor(core: Hypercore, options?: { keyEncoding?: any; valueEncoding?: any; extension?: boolean })
    readonly core: Hypercore
    readonly feed: Hypercore
    readonly version: number
    ready(): Promise<void>
    close(): Promise<void>
    update(options?: { wait?: boolean }): Promise<boolean>
    peek(range: Range<K>, options?: Fetching): Promise<Entry<K, V> | null>
    put(key: K, value: V): Promise<void>
    del(key: K): Promise<void>
    batch(options?: { update?: boolean }): Batch<K, V>
    createReadStream(range?: Range<K>, options?: Fetching): AsyncIterable<Entry<K, V>>
    checkout(version: number): Hyperbee<K, V>
    snapshot(): Hyperbee<K, V>
  }
}

declare module 'hyperbee/lib/messages.js' {
  /** The tree nodes that a block brings: numbers of blocks for the keys, pairs of block and offset for the children. */
  export interface TreeNode {
    keys: number[]
    children: number[]
  }

  export const YoloIndex: { encode(index: { levels: TreeNode[] }): Buffer; decode(encoded: Buffer): { levels: TreeNode[] } }
  /** The codec of a block. */
  export const Node: {
    encode(block: { key: Buffer; value: Buffer | null; index: Buffer }): Buffer
    decode(encoded: Buffer): { key: Buffer; value: Buffer | null; index: Buffer | null }
  }
}
