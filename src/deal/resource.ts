import type { Party } from '#spec'
import { isResourceId } from '../../contracts/order.js'
import type { Codec } from '../../contracts/schema/codec.js'
import type { Msat } from '../../contracts/money/money.js'
import { SHARED_MESSAGES } from './methods.js'
import type { MessageTable } from './methods.js'

/** The fields that the terms of every resource have. */
export interface CommonTerms {
  version: number
  /** The id of the request that the quote answered. */
  nonce: Buffer
  market: Buffer
  ask: Buffer
  /** Id of the Lightning network. */
  network: string
  buyer: Party
  provider: Party
  price: Msat
  /** ms since 1970. */
  countersignBy: number
  startBy: number
}

/** How the terms of a resource are written, named and signed. */
export interface TermsCodec<Terms> extends Codec<Terms> {
  /** The agreement's id: the hash of the terms without signatures. */
  id(terms: Terms): Buffer
  /** True when `device` signed these terms. */
  verify(terms: Terms, signature: Buffer, device: Buffer): boolean
  /** What is wrong with the terms, independent of the two parties; null when they are valid. */
  faultOf(terms: Terms): string | null
}

/** What a value on the book measures; it decides how the value is shown. */
export type Unit = 'text' | 'count' | 'size' | 'time' | 'amount'

/** A column of the table of asks or bids. Ids, identities and prices are shown of every order. */
export interface Column {
  title: string
  /** The field of the described body. */
  field: string
  unit: Unit
  /** The field with the end of a range that begins in `field`. */
  to?: string
  /** Show the sum over this order and all better ones. */
  running?: boolean
}

/** The body of an order as plain values: amounts are strings of digits (msat), sizes bytes, times ms. */
export type Described = Record<string, string | number>

/** How the price of a resource is written. `unit` is what is paid for, `times` the msat that one msat for it is on the wire. */
export interface PriceUnit {
  unit: string
  times: bigint
}

/**
 * A kind of goods. Everything that `deal/`, `node/` and `cli/` know about it is here; a new one is a folder that exports
 * such a description, and a line where the node lists its resources. It names no service and loads no library.
 */
export interface Resource<
  Ask extends object = object,
  Bid extends object = object,
  Request extends object = object,
  Offer extends object = object,
  Terms extends CommonTerms = CommonTerms
> {
  /** Its name on the wire and for people, such as `storage`. */
  readonly id: string
  /** The ways to write its price; the first that is exact is shown, the last always is. */
  readonly prices: readonly PriceUnit[]
  /** The bodies of its orders, its requests, its quotes and its terms; decoding checks their bounds. */
  readonly ask: Codec<Ask>
  readonly bid: Codec<Bid>
  readonly request: Codec<Request>
  readonly quote: Codec<Offer>
  readonly terms: TermsCodec<Terms>
  /** Its own messages, by method. */
  readonly messages: MessageTable
  /** True when an ask can serve a bid, by what both say on the book. */
  serves(ask: Ask, bid: Bid): boolean
  /** How its orders are shown. */
  readonly book: {
    asks: readonly Column[]
    bids: readonly Column[]
    describeAsk(ask: Ask): Described
    describeBid(bid: Bid): Described
  }
}

/** The resources that a node deals in, by id. */
export class Resources {
  readonly list: readonly Resource[]
  /** The messages of all of them and the shared ones, by method. */
  readonly messages: MessageTable

  /** Throws when an id is not valid or is used twice, or two resources have a message of the same name. */
  constructor(list: readonly Resource[]) {
    this.list = list
    const messages: Record<string, MessageTable[string]> = { ...SHARED_MESSAGES }
    for (const [i, { id, messages: own }] of list.entries()) {
      if (!isResourceId(id)) throw new Error(`'${id}' is not a name for a resource`)
      if (list.findIndex(other => other.id === id) !== i) throw new Error(`two resources are named '${id}'`)
      for (const [method, one] of Object.entries(own)) {
        if (Object.hasOwn(messages, method)) throw new Error(`two resources have a message '${method}'`)
        messages[method] = one
      }
    }
    this.messages = messages
  }

  get(id: string): Resource | null {
    return this.list.find(resource => resource.id === id) ?? null
  }
}
