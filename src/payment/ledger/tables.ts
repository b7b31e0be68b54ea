import { decode, encode } from '../../../contracts/schema/codec.js'
import { nameOf } from '../../base/states.js'
import { defineChain, defineTable, defineTableOf } from '../../store/definition.js'
import type { Codec } from '../../store/definition.js'
import { bytes, parts, text, uint } from '../../store/key.js'
import { entryOf, isSettled, stepOf } from '../payment.js'
import type { Payment } from '../payment.js'
import { paymentStates } from '../payment-state.js'

// The keys of all tables begin with the name of the wallet: a wallet does not know the payments of another one.

const OWNER = 'src/payment'
const MAX_PAYMENT = 1 << 20
const LIST = { unbounded: 'one for each payment or agreement, and all of them are evidence' }
const NEVER = { text: 'never: it is evidence, and no hash may be paid again' }

const paymentCodec: Codec<Payment> = {
  encode: payment => encode('payment-record', { entry: payment.entry, last: entryOf(payment, null) }),
  decode(bytes) {
    const { entry, last } = decode('payment-record', bytes, MAX_PAYMENT)
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
export const paymentTable = defineTableOf({
  name: 'payments',
  key: parts(text, bytes(32)),
  codec: paymentCodec,
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
  owner: OWNER,
  bound: LIST,
  forget: NEVER
})

/** The sums of each agreement, by wallet. */
export const accountTable = defineTable({
  name: 'payment-accounts',
  key: parts(text, bytes(32)),
  struct: 'payment-account',
  owner: OWNER,
  bound: LIST,
  forget: NEVER
})

/** What was settled from each debt, by wallet and the agreement of the debt. */
export const creditTable = defineTable({
  name: 'debt-credits',
  key: parts(text, bytes(32)),
  struct: 'credit-sum',
  owner: OWNER,
  bound: LIST,
  forget: NEVER
})

/** Our payments in flight, and those made in the last day, by wallet and hash. */
export const spentTable = defineTable({
  name: 'spent-payments',
  key: parts(text, bytes(32)),
  struct: 'spent-payment',
  indexes: index => ({
    paid: index(parts(text, uint), ({ paidAt }, [wallet]) => (paidAt ? ([wallet, paidAt] as const) : null)),
    paidTo: index(parts(text, bytes(32), uint), ({ peer, paidAt }, [wallet]) =>
      paidAt ? ([wallet, peer!, paidAt] as const) : null
    )
  }),
  owner: OWNER,
  bound: { unbounded: 'the limits of spending bound what is paid in a day' },
  forget: { text: 'with the next step of a payment of ours, a day after it was paid' }
})

/** The sum of the rows of `spentTable`, by wallet and peer; all peers together have the key of zeros. */
export const spendingTable = defineTable({
  name: 'spending-sums',
  key: parts(text, bytes(32)),
  struct: 'spending-sum',
  owner: OWNER,
  bound: { unbounded: 'one for each peer that was paid in the last day' },
  forget: { text: 'when nothing of it is left' }
})

export const LEDGER_TABLES = [paymentTable, accountTable, creditTable, spentTable, spendingTable]
