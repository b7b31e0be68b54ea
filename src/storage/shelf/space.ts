import { statfs } from 'node:fs/promises'
import { billedBytes } from '../../../contracts/money/money.js'
import { GIB, KIB } from '../../../contracts/money/quantity.js'
import { occupiedBytes } from '../../files/disk.js'
import type { Holder } from './holder.js'

/** What a core's own store occupies beside its blocks when it is at rest, and beside its bytes for each block. */
const STORE_OVERHEAD = 512 * KIB
const BLOCK_ON_DISK = 192

export interface ShelfUsage {
  /** Of the real disk, with all overheads. */
  usedBytes: number
  /** What the holders may grow to: their bytes and 128 a block. */
  reservedBytes: number
  freeBytes: number
}

export interface SpaceOptions {
  folder: string
  /** Bytes that holders may reserve in all. */
  space: number
  /** Bytes of the disk that are never promised; by default 1 GiB or a twentieth of the disk, whichever is less. */
  margin: number | undefined
  /** Bytes still free under a folder. */
  free: (folder: string) => Promise<number>
  holders: () => Iterable<Holder>
  /** Where a core is kept. */
  folderOf: (key: Buffer) => string
}

/** The disk of a shelf: what is used, what is promised, what is left. */
export class ShelfSpace {
  readonly #options: SpaceOptions

  constructor(options: SpaceOptions) {
    this.#options = options
  }

  /** Looks at every file of the shelf. */
  async usage(): Promise<ShelfUsage> {
    const { folder, free } = this.#options
    return {
      usedBytes: await occupiedBytes(folder),
      reservedBytes: this.#reserved(),
      freeBytes: await free(folder)
    }
  }

  /** Is there room for so many bytes more, beside what the holders have still to fetch and the margin? */
  async canReserve(bytes: number): Promise<boolean> {
    const { folder, space, free, holders, folderOf } = this.#options
    if (this.#reserved() + bytes > space) return false
    let coming = 0
    for (const { cores, complete } of holders()) {
      if (complete) continue
      for (const limit of cores) {
        const here = await occupiedBytes(folderOf(limit.key))
        const whole = limit.byteLength + limit.length * BLOCK_ON_DISK + STORE_OVERHEAD
        coming += Math.max(0, whole - here)
      }
    }
    return (await free(folder)) - coming - (await this.#marginBytes()) >= bytes + STORE_OVERHEAD
  }

  /** A look at the disk that is true while less than half of the margin is free: too little to go on fetching. */
  async fullness(): Promise<() => Promise<boolean>> {
    const { folder, free } = this.#options
    const floor = (await this.#marginBytes()) / 2
    return async () => (await free(folder)) < floor
  }

  async #marginBytes(): Promise<number> {
    const { margin, folder } = this.#options
    if (margin !== undefined) return margin
    const { blocks, bsize } = await statfs(folder)
    return Math.min(GIB, (blocks * bsize) / 20)
  }

  #reserved(): number {
    let sum = 0
    for (const { cores } of this.#options.holders()) sum += Number(billedBytes([...cores]))
    return sum
  }
}
