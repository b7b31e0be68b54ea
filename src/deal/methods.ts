import type {
  AgreementAnswer,
  AgreementRequest,
  BidAnswer,
  Acknowledgement,
  Hello,
  QuoteRequest,
  SignedQuote
} from '#spec'
import { struct } from '../../contracts/schema/codec.js'
import type { Codec, StructName, StructOf } from '../../contracts/schema/codec.js'

/** A request of the deal protocol and its answer, each with its codec and the most bytes that it may have. */
export interface Message<Request, Reply> {
  request: Codec<Request>
  reply: Codec<Reply>
  requestBytes: number
  replyBytes: number
  /** The answer is kept for two days, so that a repeated request gets the same bytes: only where money depends on it. */
  kept: boolean
}

/** Messages by the names of their methods. */
export type MessageTable = Readonly<Record<string, Message<unknown, unknown>>>

/** The largest message of most methods, bytes. */
const SMALL = 1 << 10

/** Declares a message of two structs of the schema. */
export function message<Q extends StructName, R extends StructName>(
  request: Q,
  reply: R,
  options: { requestBytes?: number; replyBytes?: number; kept?: boolean } = {}
): Message<StructOf<Q>, StructOf<R>> {
  const { requestBytes = SMALL, replyBytes = SMALL, kept = false } = options
  return { request: struct(request), reply: struct(reply), requestBytes, replyBytes, kept }
}

/**
 * The messages that every resource has in common, by method. A resource declares its own beside its code and adds their
 * types here: `declare module '../deal/methods.js' { interface Methods extends ... }`.
 */
export interface Methods {
  hello: Message<Hello, Hello>
  answer: Message<BidAnswer, Acknowledgement>
  quote: Message<QuoteRequest, SignedQuote>
  agree: Message<AgreementRequest, AgreementAnswer>
}

export type Method = keyof Methods & string
export type RequestOf<M extends Method> = Methods[M] extends Message<infer Request, infer _> ? Request : never
export type ReplyOf<M extends Method> = Methods[M] extends Message<infer _, infer Reply> ? Reply : never

/** No answer of these is kept: a quote is signed and comes back with the agreement, which is on disk with its answer. */
export const SHARED_MESSAGES = {
  hello: message('hello', 'hello', { requestBytes: 8 << 10, replyBytes: 8 << 10 }),
  answer: message('bid-answer', 'acknowledgement'),
  quote: message('quote-request', 'signed-quote', { requestBytes: 6 << 10, replyBytes: 4 << 10 }),
  agree: message('agreement-request', 'agreement-answer', { requestBytes: 20 << 10, replyBytes: 8 << 10 })
} as const satisfies MessageTable
