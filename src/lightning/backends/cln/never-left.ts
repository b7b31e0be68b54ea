import type { ListedSendPay } from './answers.js'
import { pause } from '../../../base/timeouts.js'
import { ClnError } from './client.js'
import type { ClnNode } from './node.js'

/** A payment is that much older than the process, s: both times are of the same clock, one of them without fractions. */
const MARGIN = 1
/** ms between two looks. */
const AGAIN = 1000

/**
 * Whether a payment that is recorded as pending can never be sent any more: it was begun by an earlier lightningd, which
 * was killed before any channel had its HTLC. Such a record stays for ever. Without the time at which this lightningd began
 * nothing is known: a healthy payment has no HTLC for some ms, too.
 */
export class NeverLeft {
  readonly #node: ClnNode
  /** The connection for which `since` was asked: a new lightningd is a new connection. */
  #connection = -1
  #since = 0

  constructor(node: ClnNode) {
    this.#node = node
  }

  /** `begun`: when the pending entries were made, s since 1970. */
  async holds(hash: Buffer, begun: readonly number[]): Promise<boolean> {
    const since = await this.#started()
    const isOlder = (at: number): boolean => at + MARGIN < since
    if (since === 0 || begun.length === 0 || !begun.every(isOlder)) return false
    if (!(await this.#isNowhere(hash, isOlder))) return false
    // A payment that ends just now leaves its channel some ms before its record says so.
    await pause(AGAIN)
    if (!(await this.#isNowhere(hash, isOlder))) return false
    // Another lightningd that answered meanwhile is another beginning.
    return this.#connection === this.#node.connection
  }

  /** Whether no channel has its HTLC, and its record is pending after that was seen. */
  async #isNowhere(hash: Buffer, isOlder: (at: number) => boolean): Promise<boolean> {
    const payment_hash = hash.toString('hex')
    const channels = await this.#node.channels()
    if (channels.some(({ htlcs }) => !htlcs || htlcs.some(htlc => htlc.payment_hash === payment_hash)))
      return false
    const { payments } = await this.#node.call<{ payments: ListedSendPay[] }>('listsendpays', {
      payment_hash
    })
    const parts = payments.filter(({ status }) => status === 'pending')
    return parts.length > 0 && parts.every(({ created_at: at }) => isOlder(at))
  }

  /** When this lightningd began, s since 1970; 0 when it does not say. */
  async #started(): Promise<number> {
    await this.#node.verify()
    const { connection } = this.#node
    if (this.#connection === connection) return this.#since
    const { created_at: at } = await this.#node
      .call<{ created_at?: string }>('getlog', { level: 'broken' })
      .catch(unlessRefused)
    this.#since = Number.parseFloat(at ?? '') || 0
    this.#connection = connection
    return this.#since
  }
}

/** Without an answer nothing is known. */
function unlessRefused(error: unknown): { created_at?: string } {
  if (error instanceof ClnError) return {}
  throw error
}
