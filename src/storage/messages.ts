import { message } from '../deal/methods.js'

/** The messages of a lease. An audit has at most 8 MiB of blocks, with their proofs. */
export const STORAGE_MESSAGES = {
  strip: message('strip-request', 'strip', { replyBytes: 256 << 10 }),
  topup: message('strip-request', 'countersign', { replyBytes: 16 << 10, kept: true }),
  paid: message('paid', 'paid-until'),
  progress: message('agreement-reference', 'upload-progress'),
  seal: message('signed-seal', 'signed-stored', { requestBytes: 8 << 10, replyBytes: 8 << 10, kept: true }),
  audit: message('audit', 'audit-proof', { requestBytes: 2 << 10, replyBytes: 12 << 20 }),
  token: message('token-audit', 'token-tags', { replyBytes: 2 << 10 }),
  block: message('spot', 'block-proof', { replyBytes: 10 << 20 }),
  counter: message('signed-counter', 'signed-counter', { requestBytes: 2 << 10, replyBytes: 2 << 10 }),
  void: message('void', 'reissue', { replyBytes: 8 << 10, kept: true }),
  end: message('end', 'ended', { requestBytes: 4 << 10, replyBytes: 4 << 10, kept: true }),
  refund: message('refund', 'acknowledgement', { requestBytes: 8 << 10 }),
  credit: message('credit', 'paid-until'),
  repair: message('repair', 'acknowledgement', { requestBytes: 4 << 10 }),
  ticket: message('signed-ticket', 'acknowledgement'),
  notice: message('signed-notice', 'acknowledgement'),
  takeover: message('takeover-request', 'takeover-answer', { requestBytes: 2 << 10, replyBytes: 256 << 10 })
} as const

type StorageMessages = typeof STORAGE_MESSAGES

declare module '../deal/methods.js' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the types of the messages of storage
  interface Methods extends StorageMessages {}
}
