import type { DriveEntry } from 'hyperdrive'
import { sumOfSorted } from '../../../contracts/evidence/checksum.js'
import type { TreeSum } from '../../../contracts/evidence/checksum.js'
import type { TreeFile } from '../../files/tree.js'

const SUM_BYTES = 32
/** Numbers that are kept of a file: where its blocks begin, how many there are, where its bytes begin, its size, its mode. */
const FIELDS = 5

type Blob = NonNullable<DriveEntry['blob']>

/** What a file was when it was packed, and where its blocks are. */
export interface PackedFile {
  /** Hex. */
  sha256: string
  mode: number
  blob: Blob
}

/**
 * What is known of each file once its blocks are appended. A tree may have a quarter of a million files, so a file takes 72
 * bytes here instead of the kilobyte of an object with its strings.
 */
export class PackedFiles {
  readonly #files: readonly TreeFile[]
  readonly #sums: Buffer
  readonly #numbers: Float64Array
  /** Files up to here are packed or left out. */
  #passed = 0
  #size = 0

  constructor(files: readonly TreeFile[]) {
    this.#files = files
    this.#sums = Buffer.alloc(files.length * SUM_BYTES)
    this.#numbers = new Float64Array(files.length * FIELDS).fill(-1)
  }

  /** How many files are packed. */
  get size(): number {
    return this.#size
  }

  /** Files are added in the order of the list; those that are passed over are left out. */
  add(file: TreeFile, { sha256, mode, blob }: PackedFile): void {
    const at = this.#files.indexOf(file, this.#passed)
    if (at === -1) throw new Error(`${file.path} is packed out of turn`)
    this.#passed = at + 1
    this.#size++
    this.#sums.write(sha256, at * SUM_BYTES, 'hex')
    const { blockOffset, blockLength, byteOffset, byteLength } = blob
    this.#numbers.set([blockOffset, blockLength, byteOffset, byteLength, mode], at * FIELDS)
  }

  /** All files in the order of the list; null for one that is left out. */
  *[Symbol.iterator](): Generator<PackedFile | null, undefined> {
    for (let at = 0; at < this.#files.length; at++) yield this.#at(at)
  }

  /** The checksum of all that is packed; the list has the order of a tree. */
  sum(): TreeSum {
    return sumOfSorted(this.#sumsOfFiles())
  }

  *#sumsOfFiles(): Generator<{ path: string; size: number; sha256: string }> {
    for (const [at, { path }] of this.#files.entries()) {
      const packed = this.#at(at)
      if (packed) yield { path, size: packed.blob.byteLength, sha256: packed.sha256 }
    }
  }

  #at(at: number): PackedFile | null {
    const numbers = this.#numbers.subarray(at * FIELDS, (at + 1) * FIELDS)
    const [blockOffset, blockLength, byteOffset, byteLength, mode] = numbers as unknown as NumbersOfFile
    if (blockOffset === -1) return null
    const sha256 = this.#sums.toString('hex', at * SUM_BYTES, (at + 1) * SUM_BYTES)
    return { sha256, mode, blob: { blockOffset, blockLength, byteOffset, byteLength } }
  }
}

type NumbersOfFile = [number, number, number, number, number]
