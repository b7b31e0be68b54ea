declare module 'hyperblobs' {
  import type Hypercore from 'hypercore'

  /** Where a file lies in the blobs core; offsets and lengths of the plaintext, in blocks and bytes. */
  export interface BlobId {
    blockOffset: number
    blockLength: number
    byteOffset: number
    byteLength: number
    /** Set where the blocks hold a list of blocks instead of bytes. */
    blockMap?: boolean
  }

  export default class Hyperblobs {
    constructor(core: Hypercore, options?: { blockSize?: number })
    readonly core: Hypercore
    blockSize: number
    createReadStream(id: BlobId): AsyncIterable<Buffer>
  }
}
