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

/** Declares an index: the key under which each row is found, or null, or, with `many`, several keys. */
export interface IndexMaker<K, V> {
  <P>(key: KeyCodec<P>, of: (value: V, key: K) => P | null): Index<K, V, P>
  many<P>(key: KeyCodec<P>, of: (value: V, key: K) => readonly P[]): Index<K, V, P>
}

/** The bound of a table, when its rows go, and its indexes. */
type TableRules<K, V, I> = Bound & {
  /** A text when the owner deletes the rows, or keeps them. */
  forget: string | Forget
  indexes?: (index: IndexMaker<K, V>) => I
}

/** Declares a table by its name on disk, its key, and the struct of the schema or the codec of its rows. */
export interface TableMaker {
  <K, S extends StructName, I extends Indexes<K, StructOf<S>> = Record<never, never>>(
    name: string,
    key: KeyCodec<K>,
    struct: S,
    rules: TableRules<K, StructOf<S>, I>
  ): TableDefinition<K, StructOf<S>, I>
  <K, V, I extends Indexes<K, V> = Record<never, never>>(
    name: string,
    key: KeyCodec<K>,
    codec: Codec<V>,
    rules: TableRules<K, V, I>
  ): TableDefinition<K, V, I>
}

/** Declares the tables of a room: `owner` is the folder whose code alone writes them. */
export function tableMaker(owner: string): TableMaker {
  return <K, V, I extends Indexes<K, V>>(
    name: string,
    key: KeyCodec<K>,
    rows: StructName | Codec<V>,
    { indexes: make, forget: rule, ...bound }: TableRules<K, V, I>
  ): TableDefinition<K, V, I> => {
    const codec = typeof rows === 'string' ? (structCodec(rows) as unknown as Codec<V>) : rows
    const indexes = make ? make(indexMaker()) : ({} as I)
    for (const named of [name, ...Object.keys(indexes)]) demandName(named)
    const forget = typeof rule === 'string' ? { text: rule } : rule
    if (forget.by !== undefined && indexes[forget.by]?.key !== uint)
      throw new Error(`table ${name} has no index ${forget.by} of times to forget by`)
    return { name, key, codec, indexes, owner, bound, forget }
  }
}

function indexMaker<K, V>(): IndexMaker<K, V> {
  return Object.assign(
    <P>(key: KeyCodec<P>, of: (value: V, key: K) => P | null): Index<K, V, P> => ({
      key,
      of(value, rowKey) {
        const found = of(value, rowKey)
        return found === null ? [] : [found]
      }
    }),
    { many: <P>(key: KeyCodec<P>, of: (value: V, key: K) => readonly P[]): Index<K, V, P> => ({ key, of }) }
  )
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
