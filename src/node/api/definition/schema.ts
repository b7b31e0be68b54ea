import id from 'hypercore-id-encoding'
import * as v from 'valibot'
import { MAX_MSAT } from '../../../../contracts/money/money.js'
import { DAY } from '../../../../contracts/money/quantity.js'

/**
 * The vocabulary of the calls. Everything is plain JSON, so that it crosses a socket unchanged: amounts are msat and
 * prices msat per unit, both as strings of digits; times are ms since 1970, durations ms, sizes bytes, as numbers. Keys,
 * devices, identities and ids of orders, agreements and jobs are z32; hashes, preimages and Lightning node ids are hex.
 * `about` describes a field and names its unit; the message of a schema follows the name of the field that it refuses.
 */

const MAX_PATH = 4096
const MAX_TIME = 100 * 365 * DAY
const KEY = /^([ybndrfg8ejkmcpqxot1uwisza345h769]{52}|[0-9a-fA-F]{64})$/
const DIGITS = /^(0|[1-9]\d{0,18})$/

/** A description with its unit, before what follows a semicolon. */
function inUnits(about: string, unit: string): string {
  return about.includes(';') ? about.replace(';', `, ${unit};`) : `${about}, ${unit}`
}

/** An object with these fields and no others. */
export function fields<const E extends v.ObjectEntries>(entries: E): Fields<E> {
  const schema = v.strictObject(entries, issue =>
    issue.expected === 'Object' ? 'must be an object' : issue.expected === 'never' ? UNKNOWN : MISSING
  )
  return {
    ...schema,
    // An array has no named fields: without this it would pass where all fields are optional.
    '~run': (dataset, config) =>
      schema['~run'](Array.isArray(dataset.value) ? { ...dataset, value: null } : dataset, config)
  }
}

export type Fields<E extends v.ObjectEntries> = v.StrictObjectSchema<
  E,
  v.ErrorMessage<v.StrictObjectIssue> | undefined
>

/** The values of fields. */
export type Values<E extends v.ObjectEntries> = v.InferOutput<Fields<E>>

const MISSING = 'is missing'
export const UNKNOWN = 'is not known'

/** A field that may be left out. */
export function maybe<S extends v.GenericSchema>(schema: S): v.ExactOptionalSchema<S, undefined> {
  return v.exactOptional(schema)
}

/** Fields that may all be left out. */
export function maybeAll<const E extends v.ObjectEntries>(
  entries: E
): { [K in keyof E]: v.ExactOptionalSchema<E[K] & v.GenericSchema, undefined> } {
  const pairs = Object.entries(entries).map(([name, schema]) => [name, v.exactOptional(schema as never)])
  return Object.fromEntries(pairs) as never
}

/** A list of at most `most` members. */
export function list<S extends v.GenericSchema>(member: S, most: number, about: string) {
  const must = `must be a list of at most ${most}`
  return v.pipe(v.array(member, must), v.maxLength(most, must), v.description(about))
}

/** Any list that the node itself answers with: it is bounded where it is made. */
export function listed<S extends v.GenericSchema>(member: S, about: string) {
  return v.pipe(v.array(member), v.description(about))
}

/** Text of `least` to `most` UTF-16 units. */
export function text(least: number, most: number, about: string) {
  const must = `must be text of ${least} to ${most} characters`
  return v.pipe(v.string(must), v.minLength(least, must), v.maxLength(most, must), v.description(about))
}

/** Text that the node itself answers with. */
export function said(about: string) {
  return v.pipe(v.string(), v.description(about))
}

/** Text of a form that a pattern tells. */
export function form(pattern: RegExp, most: number, must: string, about: string) {
  return v.pipe(v.string(must), v.maxLength(most, must), v.regex(pattern, must), v.description(about))
}

export function oneOf<const W extends readonly string[]>(words: W, about: string) {
  return v.pipe(v.picklist(words, `must be one of ${words.join(', ')}`), v.description(about))
}

export function flag(about: string) {
  return v.pipe(v.boolean('must be true or false'), v.description(about))
}

/** A whole number. */
export function whole(least: number, most: number, about: string) {
  const must = `must be a whole number from ${least} to ${most}`
  return v.pipe(
    v.number(must),
    v.safeInteger(must),
    v.minValue(least, must),
    v.maxValue(most, must),
    v.description(about)
  )
}

/** How many there are. */
export function count(about: string) {
  return whole(0, Number.MAX_SAFE_INTEGER, about)
}

/** A number with a fraction. */
export function decimal(least: number, most: number, about: string) {
  const must = `must be a number from ${least} to ${most}`
  return v.pipe(v.number(must), v.minValue(least, must), v.maxValue(most, must), v.description(about))
}

export function bytes(about: string, { least = 0, most = Number.MAX_SAFE_INTEGER } = {}) {
  return whole(least, most, inUnits(about, 'bytes'))
}

/** A length of time. */
export function duration(about: string, { least = 1, most = MAX_TIME } = {}) {
  return whole(least, most, inUnits(about, 'ms'))
}

/** A point in time. */
export function moment(about: string) {
  return whole(0, Number.MAX_SAFE_INTEGER, inUnits(about, 'ms since 1970'))
}

/** An amount of money. */
export function msat(about: string, least = 0n) {
  return digits(inUnits(about, 'msat'), least, MAX_MSAT, 'an amount in msat')
}

/** A price of storage. */
export function storagePrice(about: string) {
  return digits(
    inUnits(about, 'msat per TiB and 30 days'),
    1n,
    MAX_MSAT,
    'a price in msat per TiB and 30 days'
  )
}

/** A price of compute. */
export function fuelPrice(about: string) {
  return digits(
    inUnits(about, 'msat per Tfuel (10^12 units of fuel)'),
    1n,
    MAX_MSAT,
    'a price in msat per Tfuel'
  )
}

/** An amount of fuel. */
export function fuel(about: string) {
  return digits(inUnits(about, 'units of fuel'), 0n, 2n ** 63n - 1n, 'an amount of fuel')
}

function digits(about: string, least: bigint, most: bigint, what: string) {
  const must = `must be ${what}: a string of digits from ${least} to ${most}`
  return v.pipe(
    v.string(must),
    v.maxLength(19, must),
    v.regex(DIGITS, must),
    v.check(value => BigInt(value) >= least && BigInt(value) <= most, must),
    v.description(about)
  )
}

/** 32 bytes as z32; hex is accepted too. */
export function key(about: string) {
  const must = 'must be 32 bytes: 52 characters of z32, or 64 of hex'
  return v.pipe(
    v.string(must),
    v.maxLength(64, must),
    v.regex(KEY, must),
    v.check(value => id.isValid(value), must),
    v.description(about)
  )
}

/** Bytes as hex. */
export function hex(length: number, about: string) {
  const must = `must be ${length} bytes in hex`
  return form(new RegExp(`^[0-9a-f]{${2 * length}}$`), 2 * length, must, inUnits(about, 'hex'))
}

export function path(about: string) {
  const must = `must be an absolute path of at most ${MAX_PATH} characters`
  return form(/^\/[^\0]*$/, MAX_PATH, must, `${about}; an absolute path on the machine of the node`)
}

export function region(about: string) {
  const must = 'must be empty, or at most 32 lower-case letters, digits and dashes'
  return form(/^([a-z0-9][a-z0-9-]{0,31})?$/, 32, must, about)
}

/** The market that a call is about. */
export const market = maybe(text(1, 64, 'name or key of the market; absent: the market in use'))

/** The value of a field that may be null, of which null says something of its own. */
export function orNull<S extends v.GenericSchema>(schema: S, about: string) {
  return v.pipe(v.nullable(schema), v.description(about))
}
