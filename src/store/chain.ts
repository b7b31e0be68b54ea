import crypto from 'hypercore-crypto'
import { domain } from '../../contracts/schema/codec.js'
import { badStore } from './backend/errors.js'
import type { ChainDefinition } from './definition.js'
import { after, uint } from './key.js'
import { chainArea, decodeValue, headKey, nameOf, unseal } from './layout.js'
import type { Source } from './table.js'

const HASH = 32

/** How many entries there are, and the hash of the last one, which commits to all of them. */
export interface Head {
  length: number
  hash: Buffer
}

export interface ChainEntry<V> {
  seq: number
  hash: Buffer
  value: V
}

/** Reads one chain: a log that only grows. */
export class Chain<V> {
  readonly definition: ChainDefinition<V>
  #source: Source
  #area: Buffer

  constructor(definition: ChainDefinition<V>, source: Source) {
    this.definition = definition
    this.#source = source
    this.#area = chainArea(definition.name)
  }

  get length(): number {
    return this.head.length
  }

  get head(): Head {
    return readHead(this.#source, this.definition.name)
  }

  get(seq: number): ChainEntry<V> | null {
    const key = this.#key(seq)
    const sealed = this.#source.get(key)
    return sealed && this.#entry(key, sealed)
  }

  /** Entries from `from` up to, and without, `to`, as they are when the iteration begins. */
  *entries({ from = 0, to = Infinity, reverse = false, limit = Infinity } = {}): Iterable<ChainEntry<V>> {
    const lt = to === Infinity ? after(this.#area) : this.#key(to)
    for (const { key, value } of this.#source.range({ gte: this.#key(from), lt, reverse, limit }))
      yield this.#entry(key, value)
  }

  /** What is wrong with each link and with the head; nothing when the chain is whole. */
  *problems(): Iterable<string> {
    const { name } = this.definition
    let seq = 0
    let hash = start(name)
    for (const { key, value: sealed } of this.#source.range({ gte: this.#area, lt: after(this.#area) })) {
      const found = uint.read(key, this.#area.byteLength).key
      if (found !== seq) yield `chain ${name}: entries ${seq} to ${found - 1} are missing`
      const value = unseal(this.#source.folder, key, sealed)
      const body = value.subarray(HASH)
      const expected = link(name, hash, found, body)
      hash = value.subarray(0, HASH)
      if (found === seq && !expected.equals(hash))
        yield `chain ${name}: entry ${seq} does not follow the one before`
      decodeValue(this.#source.folder, this.definition.codec, key, body)
      seq = found + 1
    }
    const head = this.head
    if (head.length !== seq) yield `chain ${name}: it has ${seq} entries, its head says ${head.length}`
    else if (!head.hash.equals(hash)) yield `chain ${name}: its head has the hash of another entry`
  }

  #key(seq: number): Buffer {
    return Buffer.concat([this.#area, uint.write(seq)])
  }

  #entry(key: Buffer, sealed: Buffer): ChainEntry<V> {
    const { folder } = this.#source
    const value = unseal(folder, key, sealed)
    if (value.byteLength < HASH) throw badStore(folder, `${nameOf(key)} is too short`)
    return {
      seq: uint.read(key, this.#area.byteLength).key,
      hash: value.subarray(0, HASH),
      value: decodeValue(folder, this.definition.codec, key, value.subarray(HASH))
    }
  }
}

/** The rows that add an entry to a chain, and its new head. */
export function appended<V>(
  source: Source,
  definition: ChainDefinition<V>,
  entry: V
): { seq: number; key: Buffer; value: Buffer; head: Buffer } {
  const { name } = definition
  const { length: seq, hash: previous } = readHead(source, name)
  const body = definition.codec.encode(entry)
  const hash = link(name, previous, seq, body)
  return {
    seq,
    key: Buffer.concat([chainArea(name), uint.write(seq)]),
    value: Buffer.concat([hash, body]),
    head: Buffer.concat([uint.write(seq + 1), hash])
  }
}

function readHead(source: Source, name: string): Head {
  const key = headKey(name)
  const sealed = source.get(key)
  if (!sealed) return { length: 0, hash: start(name) }
  const value = unseal(source.folder, key, sealed)
  return { length: uint.read(value, 0).key, hash: value.subarray(8) }
}

/** What the first entry follows. */
function start(name: string): Buffer {
  return domain(`chain/${name}`)
}

function link(name: string, previous: Buffer, seq: number, body: Buffer): Buffer {
  return crypto.hash([start(name), previous, uint.write(seq), body])
}
