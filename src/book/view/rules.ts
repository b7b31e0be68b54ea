import type { MarketRules, Order } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { MAX_ORDER_BYTES } from '../../../contracts/order.js'
import { DAY, HOUR } from '../../../contracts/money/quantity.js'

/** Default rules of a market: sizes in bytes, times in ms, strength in bits. */
export const DEFAULT_RULES = {
  maxRecordBytes: 1024,
  maxOrders: 100_000,
  maxOrdersPerIdentity: 32,
  maxLifetime: 30 * DAY,
  stampBits: 12,
  tickInterval: 60_000,
  tombstoneMargin: HOUR
} as const

export type RuleName = keyof typeof DEFAULT_RULES

/** Least and most of each rule. */
export const RULE_LIMITS = {
  maxRecordBytes: [512, MAX_ORDER_BYTES],
  maxOrders: [1, 10_000_000],
  maxOrdersPerIdentity: [1, 1000],
  maxLifetime: [60_000, 3650 * DAY],
  stampBits: [0, 24],
  tickInterval: [50, HOUR],
  tombstoneMargin: [0, 30 * DAY]
} as const satisfies Record<RuleName, readonly [least: number, most: number]>

/** An identity's withdrawn orders leave tombstones; with them it may hold this many times its live orders. */
export const SLOTS_PER_LIVE = 4

const MAX_NAME = 64
// Control characters and changes of the writing direction, with which a name could manipulate a terminal.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/

const names = Object.keys(DEFAULT_RULES) as RuleName[]

function isName(name: string): boolean {
  return name.length >= 1 && name.length <= MAX_NAME && name.trim() === name && !UNPRINTABLE.test(name)
}

function isWithin(rule: RuleName, value: unknown): boolean {
  const [least, most] = RULE_LIMITS[rule]
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

/** The rules of a new market; throws on a bad name, an unknown rule or a value out of range. */
export function marketRules(
  founder: Buffer,
  name: string,
  override: Readonly<Record<string, number>> = {}
): MarketRules {
  if (!isName(name)) {
    throw new BushelError(
      'BAD_NAME',
      `'${name.slice(0, MAX_NAME).replace(new RegExp(UNPRINTABLE, 'g'), '?')}' is not a valid market name`,
      `a name has 1 to ${MAX_NAME} printable characters, and no space at either end`
    )
  }
  const rules: MarketRules = { name, founder, ...DEFAULT_RULES }
  for (const [rule, value] of Object.entries(override)) {
    if (!isRule(rule)) {
      throw new BushelError('BAD_RULES', `there is no rule '${rule}'`, `the rules are ${names.join(', ')}`)
    }
    if (!isWithin(rule, value)) {
      const [least, most] = RULE_LIMITS[rule]
      throw new BushelError(
        'BAD_RULES',
        `rule ${rule} cannot be ${String(value)}`,
        `give a whole number from ${least} to ${most}`
      )
    }
    rules[rule] = value
  }
  return rules
}

function isRule(name: string): name is RuleName {
  return Object.hasOwn(DEFAULT_RULES, name)
}

/** True for rules that `marketRules` would allow. */
export function areSound(rules: MarketRules): boolean {
  return isName(rules.name) && names.every(rule => isWithin(rule, rules[rule]))
}

/** Bits that a record's stamp needs in any state of the market: one more for each fourfold of its lifetime. */
export function lifetimeBits(rules: MarketRules, order: Pick<Order, 'created' | 'expires'>): number {
  const days = Math.max(1, Math.ceil((order.expires - order.created) / DAY))
  return rules.stampBits + ((31 - Math.clz32(days)) >> 1)
}

/** A revision costs the relays as much as a new order and takes no new place, so its stamp has to cost its author more. */
const REVISION_BITS = 2

/** Extra bits for a revision of an order that is on the book, in a market that asks for stamps. */
export function revisionBits(rules: MarketRules): number {
  return rules.stampBits === 0 ? 0 : REVISION_BITS
}

/** Extra bits for a new order: one more each time the free slots have halved. */
export function fullnessBits(rules: MarketRules, slots: number): number {
  const left = Math.max(rules.maxOrders - slots, 1) / rules.maxOrders
  return Math.max(0, Math.floor(-Math.log2(left)))
}

/** Extra bits for a record while relays are given very many: one more each time what they take at once has halved. */
export function hasteBits(rules: MarketRules, left: number, burst: number): number {
  return rules.stampBits === 0 ? 0 : Math.max(0, Math.floor(-Math.log2(Math.max(left, 1) / burst)))
}
