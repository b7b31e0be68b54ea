import { crc32 } from 'node:zlib'
import type { AnyTable } from './definition.js'
import { badStore, reasonOf } from './backend/errors.js'
import { after } from './key.js'

/**
 * Where things lie: the first byte of a key says what it is, then come the name of the table and the key in it. A row has a
 * checksum of key and value, because LMDB has none.
 */
const META = 'm'
const ROWS = 't'
const INDEX = 'i'
const CHAIN = 'c'
const CHECKSUM = 4

/** The area of each name. It is made once, since each row needs it; nobody may change its bytes. */
function areas(kind: string): (name: string) => Buffer {
  const made = new Map<string, Buffer>()
  return name => {
    let area = made.get(name)
    if (!area) made.set(name, (area = Buffer.from(`${kind}${name}\0`)))
    return area
  }
}

const metaKey = areas(META)
export const rowsArea = areas(ROWS)
export const chainArea = areas(CHAIN)
const indexAreas = areas(INDEX)
export const indexArea = (table: string, index: string): Buffer => indexAreas(`${table}.${index}`)
export const allIndexes = Buffer.from(INDEX)
export const formatKey = metaKey('format')
export const countKey = (table: string): Buffer => metaKey(`count.${table}`)
export const headKey = (chain: string): Buffer => metaKey(`head.${chain}`)

/** The range of all keys that begin with `prefix`. */
export const within = (prefix: Buffer): { gte: Buffer; lt: Buffer } => ({ gte: prefix, lt: after(prefix) })

/** Every key. */
export const everything = { gte: Buffer.from([0]), lt: Buffer.from([0xff]) }

export function seal(key: Buffer, value: Buffer): Buffer {
  const sealed = Buffer.allocUnsafe(CHECKSUM + value.byteLength)
  value.copy(sealed, CHECKSUM)
  sealed.writeUInt32LE(crc32(value, crc32(key)))
  return sealed
}

/** The value, when its checksum is right; throws BAD_STORE. */
export function unseal(folder: string, key: Buffer, sealed: Buffer): Buffer {
  const value = sealed.subarray(CHECKSUM)
  if (sealed.byteLength < CHECKSUM || sealed.readUInt32LE() !== crc32(value, crc32(key)))
    throw badStore(folder, `the checksum of ${nameOf(key)} is wrong`)
  return value
}

export function decodeValue<V>(
  folder: string,
  codec: { decode(bytes: Buffer): V },
  key: Buffer,
  value: Buffer
): V {
  try {
    return codec.decode(value)
  } catch (error) {
    throw badStore(folder, `${nameOf(key)} cannot be read: ${reasonOf(error)}`, error)
  }
}

/** A key for people: its area and, in hex, the key in it. */
export function nameOf(key: Buffer): string {
  const end = key.indexOf(0)
  const kinds: Record<string, string> = {
    [META]: 'record',
    [ROWS]: 'row',
    [INDEX]: 'index row',
    [CHAIN]: 'entry'
  }
  const kind = kinds[String.fromCharCode(key[0] ?? 0)]
  if (end < 0 || !kind) return `key ${key.toString('hex')}`
  const rest = key.toString('hex', end + 1)
  return `${kind} ${key.toString('utf8', 1, end)}${rest && ` ${rest}`}`
}

/** The index rows of a row: they hold the key of the row. */
export function indexRows(
  table: AnyTable,
  key: unknown,
  keyBytes: Buffer,
  value: unknown
): { key: Buffer; value: Buffer }[] {
  return Object.entries(table.indexes).flatMap(([name, index]) => {
    const start = indexArea(table.name, name)
    return index
      .of(value, key)
      .map(found => ({ key: Buffer.concat([start, index.key.write(found), keyBytes]), value: keyBytes }))
  })
}
