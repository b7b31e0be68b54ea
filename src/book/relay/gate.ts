import type { BookCount, Order } from '#spec'
import { decode } from '../../../contracts/schema/codec.js'
import { checkSignature, readOrder, stampStrength } from '../../../contracts/order.js'
import type { VerifiedOrder } from '../../../contracts/order.js'
import { HOUR } from '../../../contracts/money/quantity.js'
import { Mutex } from '../../base/mutex.js'
import { KeyedTokenBuckets, TokenBucket } from '../../base/token-bucket.js'
import type { Rate } from '../../base/token-bucket.js'
import { isTooFar, orderRules } from '../view/apply.js'
import { rowAt } from '../view/database.js'
import type { ViewDatabase } from '../view/database.js'
import { banKey, orderKey, tallyKey } from '../view/keys.js'
import { FETCH_TIMEOUT } from '../view/listing.js'
import type { ViewState } from '../view/listing.js'
import { SLOTS_PER_LIVE, fullnessBits, hasteBits, lifetimeBits, revisionBits } from '../view/rules.js'
import { readRecord, standsUntil } from '../view/slots.js'

/** A relay's verdict on a record. OK: accepted; REPEATED: on the book already; any other code is a refusal. */
export interface GateVerdict {
  code: string
  reason: string
}

interface Passing {
  record: VerifiedOrder
  /** Its change of the identity's and the market's counts. */
  change: BookCount
}

export interface GateOptions {
  market: Buffer
  view: () => ViewDatabase
  state: () => ViewState
  now: () => number
  /** How many records of all authors together it takes. */
  records?: Rate
}

/** Largest distance of a stamp's tick from the market's last tick, ms. */
const STAMP_WINDOW = HOUR
/** How far a record's date may be ahead of this node's clock, ms. */
const CLOCK_TOLERANCE = 10 * 60_000

/** Revisions of an order, and of all orders of an identity: so many at once, and as many an hour after that. */
const REVISIONS = { order: 12, identity: 96 } as const
/** Records of all authors together: each leaves some KiB on the disks of the market for ever. */
const RECORDS: Rate = { burst: 20_000, perSecond: 1 }
/** Orders and identities whose revisions are counted. */
const MOST_COUNTED = 20_000

const perHour = (most: number): Rate => ({ burst: most, perSecond: most / (HOUR / 1000) })

const OK: GateVerdict = { code: 'OK', reason: '' }
const REPEATED: GateVerdict = { code: 'REPEATED', reason: 'the order is on the book already' }
const refuse = (code: string, reason: string): GateVerdict => ({ code, reason })

/**
 * Checks records for a relay: the cheapest checks first, the signature last. It also counts accepted records that the
 * view does not show yet.
 */
export class Gate {
  readonly #options: GateOptions
  readonly #passing = new Map<string, Passing>()
  readonly #mutex = new Mutex()
  /** What is left of the revisions of orders, and of identities. Only valid records count: nobody spends another's. */
  readonly #revisions: { order: KeyedTokenBuckets; identity: KeyedTokenBuckets }
  readonly #rate: Rate
  readonly #records: TokenBucket

  constructor(options: GateOptions) {
    this.#options = options
    this.#rate = options.records ?? RECORDS
    this.#records = new TokenBucket(this.#rate, options.now)
    this.#revisions = {
      order: new KeyedTokenBuckets(perHour(REVISIONS.order), MOST_COUNTED, options.now),
      identity: new KeyedTokenBuckets(perHour(REVISIONS.identity), MOST_COUNTED, options.now)
    }
  }

  /**
   * Judges one record at a time, so that two never take the same last slot. With OK it returns the verified record, for
   * which the caller must call `passed` in the end. Never throws on bad data.
   */
  async judge(bytes: Buffer): Promise<GateVerdict & { record?: VerifiedOrder }> {
    return this.#mutex.run(() => this.#judge(bytes))
  }

  /** To be called when an accepted record is in the view, or will never be. */
  passed(record: VerifiedOrder): void {
    const id = record.id.toString('hex')
    if (this.#passing.get(id)?.record === record) this.#passing.delete(id)
  }

  async #judge(bytes: Buffer): Promise<GateVerdict & { record?: VerifiedOrder }> {
    const { rules } = this.#options.state()
    if (!rules) return refuse('NOT_READY', 'this relay does not have the rules of the market yet')
    if (bytes.byteLength > rules.maxRecordBytes) {
      return refuse(
        'OVERSIZED',
        `the record has ${bytes.byteLength} bytes; this market takes at most ${rules.maxRecordBytes}`
      )
    }
    const read = readOrder(bytes, orderRules(this.#options.market, rules))
    if (!read.ok) return read
    const record = read.verified
    const late = this.#timing(record)
    if (late) return late
    const often = this.#tooOften(record)
    // A withdrawal of a live order is always taken: it cannot be repeated without a revision that counts.
    if (often && !record.order.withdrawn) return often
    const standing = await this.#standing(record.id)
    if (standing?.bytes.equals(bytes)) return REPEATED
    if (standing && standing.order.revision >= record.order.revision) {
      return refuse('OLD_REVISION', `the book already has revision ${standing.order.revision} of the order`)
    }
    if (often && standing?.order.withdrawn) return often
    const over = await this.#overCap(record, standing?.order ?? null)
    if (over) return over
    const check = checkSignature(record)
    if (!check.ok) return check
    if (standing) {
      this.#revisions.order.charge(record.id)
      this.#revisions.identity.charge(record.order.identity!)
    }
    this.#records.charge(1)
    this.#pass(record, standing?.order ?? null)
    return { ...OK, record }
  }

  #timing({ order, signed }: VerifiedOrder): GateVerdict | null {
    const { rules, tick } = this.#options.state()
    const now = this.#options.now()
    if (Math.abs(signed.stampTick - tick) > STAMP_WINDOW)
      return refuse('OLD_STAMP', "its stamp is more than an hour from the market's time")
    const until = standsUntil(order, rules!)
    if (until <= now || until <= tick) return refuse('EXPIRED', 'the order has expired')
    if (order.created > now + CLOCK_TOLERANCE || isTooFar(order, tick, rules!)) {
      return refuse('NOT_YET', 'its date lies in the future; one of the two clocks is wrong')
    }
    return null
  }

  /** A refusal of an order that was revised too often, before anything is read or verified. */
  #tooOften({ id, order }: VerifiedOrder): GateVerdict | null {
    const { order: ofOrder, identity } = this.#revisions
    if (order.revision <= 1) return null
    if (ofOrder.left(id) < 1)
      return refuse('REVISIONS', `the order was revised more than ${REVISIONS.order} times in an hour`)
    if (identity.left(order.identity!) < 1)
      return refuse('REVISIONS', `its author made more than ${REVISIONS.identity} revisions in an hour`)
    return null
  }

  async #standing(id: Buffer): Promise<{ order: Order; bytes: Buffer } | null> {
    const passing = this.#passing.get(id.toString('hex'))
    if (passing) return passing.record
    const entry = await this.#get(orderKey(id))
    return entry && readRecord(entry.value)
  }

  #pass(record: VerifiedOrder, standing: Order | null): void {
    const id = record.id.toString('hex')
    const before = this.#passing.get(id)?.change ?? { slots: 0, live: 0 }
    const live = Number(!record.order.withdrawn) - Number(standing !== null && !standing.withdrawn)
    const change = { slots: before.slots + (standing ? 0 : 1), live: before.live + live }
    this.#passing.set(id, { record, change })
  }

  async #overCap({ order, signed }: VerifiedOrder, standing: Order | null): Promise<GateVerdict | null> {
    const { count } = this.#options.state()
    const rules = this.#options.state().rules!
    if ((await this.#get(banKey(order.identity))) ?? (await this.#get(banKey(order.device)))) {
      return refuse('BANNED', 'its author is banned from this market')
    }
    // A withdrawal leaves as much, but who has an order on the book may always take it back.
    const { left } = this.#records
    if (left < 1 && !order.withdrawn) return refuse('BUSY', 'the market is given too many orders')
    const haste = order.withdrawn ? 0 : hasteBits(rules, left, this.#rate.burst)
    if (!standing) {
      let slots = count.slots
      for (const { change } of this.#passing.values()) slots += change.slots
      if (slots >= rules.maxOrders)
        return refuse('FULL', `the market is full: it holds ${rules.maxOrders} orders`)
      const bits = lifetimeBits(rules, order) + (order.withdrawn ? 0 : fullnessBits(rules, slots)) + haste
      if (stampStrength(signed) < bits) return refuse('STAMP', `its stamp is weaker than ${bits} bits`)
    } else {
      const bits = lifetimeBits(rules, order) + revisionBits(rules) + haste
      if (stampStrength(signed) < bits)
        return refuse('STAMP', `its stamp is weaker than the ${bits} bits of a revision`)
    }
    const tally = await this.#tally(order.identity)
    const gains = !order.withdrawn && (!standing || standing.withdrawn)
    if (gains && tally.live >= rules.maxOrdersPerIdentity) {
      return refuse('QUOTA', `its author has ${rules.maxOrdersPerIdentity} orders on the book already`)
    }
    if (!standing && tally.slots >= rules.maxOrdersPerIdentity * SLOTS_PER_LIVE) {
      return refuse(
        'QUOTA',
        'its author has withdrawn too many orders; each counts until it would have expired'
      )
    }
    return null
  }

  async #tally(identity: Buffer): Promise<BookCount> {
    const entry = await this.#get(tallyKey(identity))
    const tally = entry ? decode('book-count', entry.value) : { slots: 0, live: 0 }
    for (const { record, change } of this.#passing.values()) {
      if (!record.order.identity.equals(identity)) continue
      tally.slots += change.slots
      tally.live += change.live
    }
    return tally
  }

  #get(key: Buffer): Promise<{ value: Buffer } | null> {
    return rowAt(this.#options.view(), key, { timeout: FETCH_TIMEOUT })
  }
}
