import type { Store } from '../../store/store.js'
import { isSettled, stepOf } from '../payment.js'
import type { PaymentKind, Payment, PaymentStep } from '../payment.js'
import { STEP } from '../payment-state.js'
import { completed } from './recording.js'
import { ledgerChain } from './tables.js'

/** A step as it was recorded: `payment` as it stood then. */
export interface LedgerEntry {
  /** Counts the entries of all wallets of the home, from 0. */
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
 * The history of a wallet's ledger, as it is when the reading begins: each entry in order, completed from earlier entries
 * of its hash. A preimage is included only once its payment is settled.
 */
export function* readEntries(store: Store, wallet: string, filter: LedgerFilter = {}): Iterable<LedgerEntry> {
  const last = new Map<string, Payment>()
  for (const { seq, value } of store.chain(ledgerChain).entries()) {
    if (value.wallet !== wallet) continue
    const step = { ...stepOf(value.entry!), entry: seq }
    const key = step.hash.toString('hex')
    const payment = completed(step, last.get(key) ?? null)
    if (payment.step === STEP.receipt)
      last.delete(key) // no other entry follows
    else last.set(key, payment)
    if (matches(payment, filter)) yield { number: seq, payment: shown(payment) }
  }
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
