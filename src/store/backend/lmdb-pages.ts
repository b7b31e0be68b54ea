import { readSync } from 'node:fs'

/** Of every page but an overflow page: a header, offsets of nodes and, from the end, the nodes. Offsets count from the header. */
const NUMBER = 0
const TRANSACTION = 8
const FLAGS = 18
const LOWER = 20
const UPPER = 22
const PAGE_HEADER = 24
const BRANCH = 1
const LEAF = 2
const OVERFLOW = 4
/** Of an overflow page: how many pages the value has. */
const PAGES = 20
/** Of nodes: size of the value or number of a page, flags, size of the key. */
const NODE_HEADER = 8
const BIG_DATA = 1
/** In place of a value on overflow pages: the first of them, a transaction, and how many there are. */
const BIG_VALUE = 24
const BIG_VALUE_PAGES = 16
/** The two pages that name the roots. */
const META_PAGES = 2
const NO_PAGE = 2n ** 64n - 1n

/** One of the two trees of a data file: that of free pages, and that of rows. */
export interface Tree {
  name: string
  depth: number
  branchPages: bigint
  leafPages: bigint
  overflowPages: bigint
  entries: bigint
  root: bigint
}

interface Bounds {
  gte: Key | null
  lt: Key | null
}

/**
 * What is wrong with the pages in use, in words, or null. LMDB trusts them: an offset or a page number that is wrong makes
 * it read or write outside the file, which ends the process. Every page in use is read once, and none twice, so a file
 * that passes can be read and written to the end; whether the values are right is told by their checksums.
 */
export class PageCheck {
  #file: number
  #pageSize: number
  /** Pages that may be used: up to the last one, and in the file. */
  #pages: number
  #used: Uint8Array
  #lastPage: number
  #transaction: bigint
  /** Holds one page at a time. */
  #bytesOfPage: Buffer
  #header = Buffer.alloc(PAGE_HEADER)

  constructor(
    file: number,
    {
      pageSize,
      lastPage,
      transaction,
      size
    }: { pageSize: number; lastPage: bigint; transaction: bigint; size: number }
  ) {
    this.#file = file
    this.#pageSize = pageSize
    this.#transaction = transaction
    this.#bytesOfPage = Buffer.alloc(pageSize)
    const inFile = Math.floor(size / pageSize)
    this.#lastPage = Number(lastPage)
    this.#pages = Math.min(inFile, this.#lastPage + 1)
    this.#used = new Uint8Array(this.#pages)
    this.#used.fill(1, 0, META_PAGES)
  }

  run(rows: Tree, free: Tree): string | null {
    try {
      this.#tree(rows, compareBytes)
      const lists = this.#tree(free, compareNumbers)
      for (const list of lists) this.#freePages(list)
      return null
    } catch (error) {
      if (error instanceof Wrong) return error.message
      throw error
    }
  }

  /** Looks through a tree; gives the values of that of free pages. */
  #tree(tree: Tree, compare: (one: Key, other: Key) => number): Buffer[] {
    const { name, depth, root } = tree
    const values: Buffer[] = []
    const found = { branch: 0, leaf: 0, overflow: 0, entries: 0 }
    const isFree = compare === compareNumbers
    const left: { number: number; level: number; bounds: Bounds }[] = []
    if (root !== NO_PAGE) left.push({ number: Number(root), level: 1, bounds: { gte: null, lt: null } })
    while (left.length > 0) {
      const { number, level, bounds } = left.pop()!
      const page = this.#page(number)
      const kind = page.readUInt16LE(FLAGS)
      if (kind !== (level === depth ? LEAF : BRANCH)) throw wrong(number, `is of kind ${kind} in ${name}`)
      const nodes = this.#nodes(page, number, kind)
      let before = bounds.gte
      for (const [at, node] of nodes.entries()) {
        const key = keyOf(page, node)
        const keySize = key.end - key.start
        if (isFree && keySize !== 8 && !(kind === BRANCH && at === 0))
          throw wrong(number, `has a key of ${keySize} bytes in ${name}`)
        const first = kind === BRANCH && at === 0
        if (!first) {
          const order = before ? compare(before, key) : -1
          if (order > 0 || (order === 0 && (at > (kind === BRANCH ? 1 : 0) || before !== bounds.gte)))
            throw wrong(number, 'has keys that are not in order')
          if (bounds.lt && compare(key, bounds.lt) >= 0) throw wrong(number, 'has keys of another page')
          before = key
        }
        if (kind === LEAF) {
          found.entries++
          const value = this.#value(page, number, node)
          found.overflow += value.pages
          if (isFree) values.push(this.#bytes(page, value))
        } else {
          const next = nodes[at + 1]
          const lt = next === undefined ? bounds.lt : keyOf(page, next)
          left.push({
            number: page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32,
            level: level + 1,
            bounds: { gte: first ? bounds.gte : copyOf(key), lt: next === undefined ? lt : copyOf(lt!) }
          })
        }
      }
      found[kind === LEAF ? 'leaf' : 'branch']++
    }
    const { branchPages, leafPages, overflowPages, entries } = tree
    const expected = [branchPages, leafPages, overflowPages, entries].join()
    if ([found.branch, found.leaf, found.overflow, found.entries].join() !== expected)
      throw new Wrong(`the number of pages of ${name} is not what its start says`)
    return values
  }

  /** Reads a page and marks it as used. */
  #page(number: number): Buffer {
    this.#use(number, 1)
    const page = this.#bytesOfPage
    this.#read(page, number)
    if (page.readBigUInt64LE(NUMBER) !== BigInt(number)) throw wrong(number, 'has the number of another page')
    if (page.readBigUInt64LE(TRANSACTION) > this.#transaction)
      throw wrong(number, 'is of a transaction to come')
    return page
  }

  #use(number: number, count: number): void {
    if (!(number >= META_PAGES) || number > this.#lastPage || number + count - 1 > this.#lastPage)
      throw wrong(number, `of ${this.#lastPage + 1} is in use`)
    if (number + count > this.#pages)
      throw wrong(number, `is in use, and the file ends before it, at page ${this.#pages}`)
    for (let at = number; at < number + count; at++) {
      if (this.#used[at] !== 0) throw wrong(at, 'is in use twice')
      this.#used[at] = 1
    }
  }

  /** Where the nodes of a page are. */
  #nodes(page: Buffer, number: number, kind: number): number[] {
    const room = this.#pageSize - PAGE_HEADER
    const lower = page.readUInt16LE(LOWER)
    const upper = page.readUInt16LE(UPPER)
    const count = lower >> 1
    if (lower % 2 !== 0 || lower > upper || upper > room || count === 0)
      throw wrong(number, 'has a wrong header')
    const nodes: number[] = []
    let bytes = 0
    for (let at = 0; at < count; at++) {
      const offset = page.readUInt16LE(PAGE_HEADER + 2 * at)
      const node = PAGE_HEADER + offset
      if (offset % 2 !== 0 || offset < upper || node + NODE_HEADER > this.#pageSize)
        throw wrong(number, 'has a wrong offset')
      let size = NODE_HEADER + page.readUInt16LE(node + 6)
      if (kind === LEAF) {
        const flags = page.readUInt16LE(node + 4)
        if ((flags & ~BIG_DATA) !== 0) throw wrong(number, 'has a value of another kind')
        size += flags & BIG_DATA ? BIG_VALUE : page.readUInt32LE(node)
      }
      if (node + size > this.#pageSize) throw wrong(number, 'has a row that is too long')
      bytes += size + (size & 1)
      nodes.push(node)
    }
    if (bytes !== room - upper) throw wrong(number, 'has rows that overlap')
    return nodes
  }

  #value(page: Buffer, number: number, node: number): { at: number; size: number; pages: number } {
    const size = page.readUInt32LE(node)
    const at = node + NODE_HEADER + page.readUInt16LE(node + 6)
    if ((page.readUInt16LE(node + 4) & BIG_DATA) === 0) return { at, size, pages: 0 }
    const first = Number(page.readBigUInt64LE(at))
    // A value that became shorter keeps its pages.
    const pages = Number(page.readBigUInt64LE(at + BIG_VALUE_PAGES))
    if (pages * this.#pageSize < PAGE_HEADER + size) throw wrong(number, 'has a value that is too long')
    this.#use(first, pages)
    const header = this.#header
    this.#read(header, first)
    if (
      header.readBigUInt64LE(NUMBER) !== BigInt(first) ||
      header.readUInt16LE(FLAGS) !== OVERFLOW ||
      header.readBigUInt64LE(TRANSACTION) > this.#transaction ||
      header.readUInt32LE(PAGES) !== pages
    )
      throw wrong(first, `is not the start of a value of page ${number}`)
    return { at: first, size, pages }
  }

  #bytes(page: Buffer, { at, size, pages }: { at: number; size: number; pages: number }): Buffer {
    if (pages === 0) return Buffer.from(page.subarray(at, at + size))
    const value = Buffer.allocUnsafe(PAGE_HEADER + size)
    this.#read(value, at)
    return value.subarray(PAGE_HEADER)
  }

  /** A list of free pages: how many words follow; a page, nothing (0), or the length of a block, negative, before its page. */
  #freePages(list: Buffer): void {
    const words = list.byteLength / 8
    const count = words >= 1 ? Number(list.readBigInt64LE(0)) : -1
    if (!Number.isInteger(words) || count < 0 || count >= words)
      throw new Wrong('a list of free pages has a wrong length')
    for (let at = 1; at <= count; at++) {
      let block = 1
      let word = Number(list.readBigInt64LE(8 * at))
      if (word === 0) continue
      if (word < 0) {
        block = -word
        if (++at > count) throw new Wrong('a list of free pages ends in a block')
        word = Number(list.readBigInt64LE(8 * at))
      }
      if (word < META_PAGES || word + block - 1 > this.#lastPage)
        throw wrong(word, 'is free, and not in the file')
      for (let page = word; page < Math.min(word + block, this.#pages); page++) {
        if (this.#used[page] !== 0) throw wrong(page, 'is free and in use')
        this.#used[page] = 1
      }
    }
  }

  #read(into: Buffer, number: number): void {
    if (readSync(this.#file, into, 0, into.byteLength, number * this.#pageSize) !== into.byteLength)
      throw wrong(number, 'cannot be read to its end')
  }
}

class Wrong extends Error {}

function wrong(page: number, what: string): Wrong {
  return new Wrong(`page ${page} ${what}`)
}

/** A key: bytes of a page from `start` up to `end`. */
interface Key {
  bytes: Buffer
  start: number
  end: number
}

function keyOf(bytes: Buffer, node: number): Key {
  const start = node + NODE_HEADER
  return { bytes, start, end: start + bytes.readUInt16LE(node + 6) }
}

/** The page is read over by the next one. */
function copyOf({ bytes, start, end }: Key): Key {
  return { bytes: Buffer.from(bytes.subarray(start, end)), start: 0, end: end - start }
}

/** Written out, because a call of the system's for each key takes most of the time. */
function compareBytes(one: Key, other: Key): number {
  const [a, b] = [one.bytes, other.bytes]
  const length = Math.min(one.end - one.start, other.end - other.start)
  for (let at = 0; at < length; at++) {
    const difference = a[one.start + at]! - b[other.start + at]!
    if (difference !== 0) return difference
  }
  return one.end - one.start - (other.end - other.start)
}

function compareNumbers(one: Key, other: Key): number {
  const [a, b] = [one.bytes.readBigUInt64LE(one.start), other.bytes.readBigUInt64LE(other.start)]
  return a < b ? -1 : a > b ? 1 : 0
}
