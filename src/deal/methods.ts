import type { StructName } from '../../contracts/schema/codec.js'

/** Every request of the deal protocol: schemas of request and reply, and whether the answer is kept for repetition. */
export const METHODS = {
  hello: { request: 'hello', reply: 'hello', kept: false },
  answer: { request: 'bid-answer', reply: 'acknowledgement', kept: false },
  quote: { request: 'quote-request', reply: 'signed-quote', kept: true },
  agree: { request: 'agree', reply: 'countersign', kept: true },
  strip: { request: 'strip-request', reply: 'strip', kept: false },
  topup: { request: 'strip-request', reply: 'countersign', kept: true },
  paid: { request: 'paid', reply: 'paid-until', kept: false },
  progress: { request: 'agreement-reference', reply: 'upload-progress', kept: false },
  seal: { request: 'signed-seal', reply: 'signed-stored', kept: true },
  audit: { request: 'audit', reply: 'audit-proof', kept: false },
  counter: { request: 'signed-counter', reply: 'signed-counter', kept: false },
  void: { request: 'void', reply: 'reissue', kept: true },
  end: { request: 'end', reply: 'ended', kept: true },
  refund: { request: 'refund', reply: 'acknowledgement', kept: false },
  credit: { request: 'credit', reply: 'paid-until', kept: false },
  // Requests about jobs are answered from the job's record, so that a repeated one gets the same bytes.
  jobAgree: { request: 'job-agree', reply: 'job-countersign', kept: false },
  jobProgress: { request: 'agreement-reference', reply: 'job-progress', kept: false },
  jobReveal: { request: 'agreement-reference', reply: 'signed-job-statement', kept: false },
  jobFinal: { request: 'agreement-reference', reply: 'job-due', kept: false },
  jobKey: { request: 'paid', reply: 'signed-job-key', kept: false },
  jobCancel: { request: 'agreement-reference', reply: 'acknowledgement', kept: false }
} as const satisfies Record<string, { request: StructName; reply: StructName; kept: boolean }>

export type Method = keyof typeof METHODS
export type RequestOf<M extends Method> = (typeof METHODS)[M]['request']
export type ReplyOf<M extends Method> = (typeof METHODS)[M]['reply']

/** Most bytes of one request, by method. */
export const REQUEST_LIMITS: Record<Method, number> = {
  hello: 8 << 10,
  answer: 1 << 10,
  quote: 2 << 10,
  agree: 8 << 10,
  strip: 1 << 10,
  topup: 1 << 10,
  paid: 1 << 10,
  progress: 1 << 10,
  seal: 8 << 10,
  audit: 2 << 10,
  counter: 2 << 10,
  void: 1 << 10,
  end: 4 << 10,
  refund: 8 << 10,
  credit: 1 << 10,
  jobAgree: 16 << 10,
  jobProgress: 1 << 10,
  jobReveal: 1 << 10,
  jobFinal: 1 << 10,
  jobKey: 1 << 10,
  jobCancel: 1 << 10
}

/** Most bytes of one reply, by method; an audit has up to 64 blocks of 1 MiB, requested in parts. */
export const REPLY_LIMITS: Record<Method, number> = {
  hello: 8 << 10,
  answer: 1 << 10,
  quote: 2 << 10,
  agree: 8 << 10,
  strip: 256 << 10,
  topup: 16 << 10,
  paid: 1 << 10,
  progress: 1 << 10,
  seal: 8 << 10,
  audit: 12 << 20,
  counter: 2 << 10,
  void: 8 << 10,
  end: 4 << 10,
  refund: 1 << 10,
  credit: 1 << 10,
  jobAgree: 1 << 10,
  jobProgress: 16 << 10,
  jobReveal: 4 << 10,
  jobFinal: 8 << 10,
  jobKey: 1 << 10,
  jobCancel: 1 << 10
}
