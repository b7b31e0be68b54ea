import { statfs } from 'node:fs/promises'
import { billedBytes } from '../../../contracts/money/money.js'
import { GIB, KIB } from '../../../contracts/money/quantity.js'
import { occupiedBytes } from '../../files/disk.js'
import type { Holder } from './holder.js'

/** Overhead of a core's store, bytes, and of each block. */
const STORE_OVERHEAD = 512 * KIB
const BLOCK_ON_DISK = 192

export interface ShelfUsage {
  /** Bytes used on disk, with all overheads. */
  usedBytes: number
  /** What the holders may grow to: their bytes and 128 per block. */
  reservedBytes: number
  freeBytes: number
}

export interface SpaceOptions {
  folder: string
  /** Most bytes that all holders together may reserve. */
  space: number
  /** Bytes of the disk that are never reserved; by default the smaller of 1 GiB and a twentieth of the disk. */
  margin: number | undefined
  /** Free bytes of the disk of a folder. */
  free: (folder: string) => Promise<number>
  holders: () => Iterable<Holder>
  /** The folder of a core. */
  folderOf: (holder: Holder, key: Buffer) => string
}

/** The disk space of a shelf: used, reserved and free. */
export class ShelfSpace {
  readonly #options: SpaceOptions

  constructor(options: SpaceOptions) {
    this.#options = options
  }

  /** Reads the size of every file of the shelf. */
  async usage(): Promise<ShelfUsage> {
    const { folder, free } = this.#options
    return {
      usedBytes: await occupiedBytes(folder),
      reservedBytes: this.#reserved(),
      freeBytes: await free(folder)
    }
  }

  /** True when there is room for `bytes` more, beside the margin and what the holders have still to fetch. */
  async canReserve(bytes: number): Promise<boolean> {
    const { folder, space, free, holders, folderOf } = this.#options
    if (this.#reserved() + bytes > space) return false
    let coming = 0
    for (const holder of holders()) {
      if (holder.complete) continue
      for (const limit of holder.cores) {
        const here = await occupiedBytes(folderOf(holder, limit.key))
        const whole = limit.byteLength + limit.length * BLOCK_ON_DISK + STORE_OVERHEAD
        coming += Math.max(0, whole - here)
      }
    }
    return (await free(folder)) - coming - (await this.#marginBytes()) >= bytes + STORE_OVERHEAD
  }

  /** Returns a check that is true while less than half of the margin is free, too little to go on fetching. */
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
    for (const { cores, isGuest } of this.#options.holders())
      if (!isGuest) sum += Number(billedBytes([...cores]))
    return sum
  }
}
