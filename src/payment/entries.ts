import { decode } from '../../contracts/schema/codec.js'
import { Journal } from '../store/journal.js'
import { isSettled, paymentOf } from './payment.js'
import type { PaymentKind, Payment, PaymentStep } from './payment.js'

/** A step as it was recorded: `payment` as it stood then. */
export interface LedgerEntry {
  /** Counts the entries of the ledger, from 0. */
  number: number
  payment: Payment
}

/** Which entries to show; all by default. */
export interface LedgerFilter {
  agreement?: Buffer
  peer?: Buffer
  hash?: Buffer
  kind?: PaymentKind
  steps?: readonly PaymentStep[]
  /** ms since 1970, inclusive. */
  since?: number
  /** ms since 1970, exclusive. */
  until?: number
}

/**
 * Reads the ledger's history from its file, also while a node writes it: each entry in order, completed from earlier
 * entries of its hash. A preimage is included only once its payment is settled.
 */
export async function readEntries(
  file: string,
  onentry: (entry: LedgerEntry) => void,
  filter: LedgerFilter = {}
): Promise<void> {
  const last = new Map<string, Payment>()
  let number = 0
  await Journal.read(file, bytes => {
    const payment = paymentOf(decode('ledger-entry', bytes))
    const key = payment.hash.toString('hex')
    const before = last.get(key)
    if (before) {
      payment.text ||= before.text
      payment.peer ??= before.peer
      payment.preimage ??= before.preimage
    }
    last.set(key, payment)
    const entry = { number: number++, payment: shown(payment) }
    if (matches(payment, filter)) onentry(entry)
  })
}

/** True when a payment passes the filter. */
function matches(payment: Payment, filter: LedgerFilter): boolean {
  const { agreement, peer, hash, kind, steps, since = 0, until = Infinity } = filter
  if (agreement && !payment.agreement.equals(agreement)) return false
  if (peer && !payment.peer?.equals(peer)) return false
  if (hash && !payment.hash.equals(hash)) return false
  if (kind && payment.kind !== kind) return false
  if (steps && !steps.includes(payment.step)) return false
  return payment.at >= since && payment.at < until
}

function shown(payment: Payment): Payment {
  return isSettled(payment.step) ? payment : { ...payment, preimage: null }
}
