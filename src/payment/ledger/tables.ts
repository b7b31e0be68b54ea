import { decodeOwn, encode } from '../../../contracts/schema/codec.js'
import { nameOf } from '../../base/states.js'
import { defineChain, tableMaker } from '../../store/definition.js'
import type { Codec } from '../../store/definition.js'
import { bytes, parts, text, uint } from '../../store/key.js'
import { entryOf, isSettled, stepOf } from '../payment.js'
import type { Payment } from '../payment.js'
import { paymentStates } from '../payment-state.js'

// The keys of all tables begin with the name of the wallet: a wallet does not know the payments of another one.

const OWNER = 'src/payment'
const table = tableMaker(OWNER)
const NEVER = 'never: it is evidence, and no hash may be paid again'
const EVIDENCE = {
  unbounded: 'one for each payment or agreement, and all of them are evidence',
  forget: NEVER
}

const paymentCodec: Codec<Payment> = {
  encode: payment => encode('payment-record', { entry: payment.entry, last: entryOf(payment, null) }),
  decode(bytes) {
    const { entry, last } = decodeOwn('payment-record', bytes)
    return { ...stepOf(last!), entry }
  }
}

/** Every step of every payment. The tables follow from it. */
export const ledgerChain = defineChain({ name: 'ledger', struct: 'wallet-entry', owner: OWNER })

const isPending = paymentStates.among('intent', 'bound', 'sent', 'failed', 'listed', 'paid', 'received')
/** Above every issue: a settled hash ranks before the others of its installment. */
const SETTLED_RANK = 2 ** 40

/** A payment that ended, or a direct one that is settled, waits for nothing. */
function isWaiting({ step, kind }: Payment): boolean {
  return isPending(step) && !(kind === 'direct' && isSettled(step))
}

/** The last step of each hash, by wallet and hash. */
export const paymentTable = table('payments', parts(text, bytes(32)), paymentCodec, {
  indexes: index => ({
    waiting: index(parts(text, text), (payment, [wallet]) =>
      isWaiting(payment) ? ([wallet, nameOf(payment.step)] as const) : null
    ),
    /** The last of an installment is its current one. */
    installment: index(
      parts(text, bytes(32), text, uint, uint),
      ({ agreement, kind, installment, issue, step }, [wallet]) =>
        [wallet, agreement, kind, installment, issue + (isSettled(step) ? SETTLED_RANK : 0)] as [
          string,
          Buffer,
          string,
          number,
          number
        ]
    )
  }),
  ...EVIDENCE
})

/** The sums of each agreement, by wallet. */
export const accountTable = table('payment-accounts', parts(text, bytes(32)), 'payment-account', EVIDENCE)

/** What was settled from each debt, by wallet and the agreement of the debt. */
export const creditTable = table('debt-credits', parts(text, bytes(32)), 'msat-sum', EVIDENCE)

/** The payments of ours that are in flight, by wallet and peer; all peers together have the key of zeros. */
export const flightTable = table('spending-in-flight', parts(text, bytes(32)), 'flight-sum', {
  unbounded: 'one for each peer with a payment in flight',
  forget: 'when nothing to the peer is in flight'
})

/** What was paid, by wallet, peer and period; all peers together have the key of zeros. */
export const spentTable = table('spending-paid', parts(text, bytes(32), uint), 'msat-sum', {
  unbounded: 'one for each peer in each half hour in which it was paid',
  forget: 'never: after a clock was set back it counts against the limits again'
})

/** The payments that the wallet itself must have settled, by wallet and direction. */
export const settledTable = table('settled-by-wallet', parts(text, text), 'settled-sum', {
  unbounded: 'two for each wallet of the home',
  forget: NEVER
})

export const LEDGER_TABLES = [paymentTable, accountTable, creditTable, flightTable, spentTable, settledTable]
