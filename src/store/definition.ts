import { decodeOwn, encode } from '../../contracts/schema/codec.js'
import type { StructName, StructOf } from '../../contracts/schema/codec.js'
import { uint } from './key.js'
import type { KeyCodec } from './key.js'

/** Turns values into bytes and back; `decode` throws when the bytes are not a value. */
export interface Codec<V> {
  encode(value: V): Buffer
  decode(bytes: Buffer): V
}

/** Finds rows by something other than their key. */
export interface Index<K, V, P> {
  key: KeyCodec<P>
  /** The keys under which a row is found; none when it is not. */
  of(value: V, key: K): readonly P[]
}

export type Indexes<K, V> = Record<string, Index<K, V, unknown>>

/** How many rows a table may have: at most `rows`, after which a new one is refused, or no bound, for a reason. */
export type Bound = { rows: number } | { unbounded: string }

/**
 * When rows go. `by` names an index by time in ms: `Store.forget` deletes rows `after` ms later.
 * Without it the owner deletes them.
 */
export interface Forget {
  text: string
  by?: string
  after?: number
}

export interface TableDefinition<K, V, I extends Indexes<K, V>> {
  name: string
  key: KeyCodec<K>
  codec: Codec<V>
  indexes: I
  owner: string
  bound: Bound
  forget: Forget
}

export type AnyTable = TableDefinition<unknown, unknown, Indexes<unknown, unknown>>

export interface ChainDefinition<V> {
  name: string
  codec: Codec<V>
  owner: string
}

export type AnyChain = ChainDefinition<unknown>

interface TableBase<K> {
  /** Names the table on disk. */
  name: string
  key: KeyCodec<K>
  /** The folder whose code alone writes it. */
  owner: string
  bound: Bound
  forget: Forget
}

/** Declares an index: the key under which each row is found, or null, or, with `many`, several keys. */
export interface IndexMaker<K, V> {
  <P>(key: KeyCodec<P>, of: (value: V, key: K) => P | null): Index<K, V, P>
  many<P>(key: KeyCodec<P>, of: (value: V, key: K) => readonly P[]): Index<K, V, P>
}

/** Declares a table whose rows are of a struct of the schema. */
export function defineTable<
  K,
  S extends StructName,
  I extends Indexes<K, StructOf<S>> = Record<never, never>
>(
  table: TableBase<K> & { struct: S; indexes?: (index: IndexMaker<K, StructOf<S>>) => I }
): TableDefinition<K, StructOf<S>, I> {
  const { struct, ...rest } = table
  return defineTableOf({ ...rest, codec: structCodec(struct) })
}

/** Declares a table with a codec of its own. */
export function defineTableOf<K, V, I extends Indexes<K, V> = Record<never, never>>(
  table: TableBase<K> & { codec: Codec<V>; indexes?: (index: IndexMaker<K, V>) => I }
): TableDefinition<K, V, I> {
  const { indexes: make, ...rest } = table
  const maker: IndexMaker<K, V> = Object.assign(
    <P>(key: KeyCodec<P>, of: (value: V, key: K) => P | null): Index<K, V, P> => ({
      key,
      of(value, rowKey) {
        const found = of(value, rowKey)
        return found === null ? [] : [found]
      }
    }),
    { many: <P>(key: KeyCodec<P>, of: (value: V, key: K) => readonly P[]): Index<K, V, P> => ({ key, of }) }
  )
  const indexes = make ? make(maker) : ({} as I)
  for (const name of [table.name, ...Object.keys(indexes)]) demandName(name)
  const { by } = table.forget
  if (by !== undefined && indexes[by]?.key !== uint)
    throw new Error(`table ${table.name} has no index ${by} of times to forget by`)
  return { ...rest, indexes }
}

/** Declares a log that only grows, in which each entry holds the hash of the one before. It is never forgotten. */
export function defineChain<S extends StructName>(chain: {
  name: string
  struct: S
  owner: string
}): ChainDefinition<StructOf<S>> {
  const { struct, ...rest } = chain
  demandName(chain.name)
  return { ...rest, codec: structCodec(struct) }
}

function structCodec<S extends StructName>(struct: S): Codec<StructOf<S>> {
  return {
    encode: value => encode(struct, value),
    decode: bytes => decodeOwn(struct, bytes)
  }
}

/** Names stand in keys, so they cannot have the byte that ends them. */
function demandName(name: string): void {
  if (!/^[a-zA-Z][a-zA-Z0-9-]*$/.test(name)) throw new Error(`'${name}' cannot name a table or an index`)
}

/** Any bytes. */
export const rawCodec: Codec<Buffer> = { encode: value => value, decode: bytes => bytes }

/** A whole number. */
export const uintCodec: Codec<number> = { encode: uint.write, decode: bytes => uint.read(bytes, 0).key }
