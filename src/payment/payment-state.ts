import type { StateOf } from '#spec'
import { defineStates } from '../base/states.js'

export type PaymentStep = StateOf<'payment'>
export type PaymentStepName = (typeof paymentStates)['names'][number]

/** A payment of one hash, by role: each step is in the ledger before it is taken. */
export const paymentStates = defineStates(
  'payment',
  [
    'intent',
    'bound',
    'sent',
    'paid',
    'failed',
    'void',
    'listed',
    'received',
    'refused',
    'credited',
    'applied',
    'receipt'
  ],
  {
    payer: {
      intent: {
        meaning: 'a hash and amount of the signed list, without an invoice',
        begins: 'the payee has signed the list',
        to: {
          bound: 'its invoice is checked against the list',
          sent: 'the wallet has it in flight: the ledger is an older copy',
          paid: 'the wallet has paid it, the payee shows its preimage, or both have signed a counter with it',
          credited: 'a debt of the payee settles it',
          void: 'the payee has replaced the hash'
        }
      },
      bound: {
        meaning: 'its invoice is checked; it can be sent',
        begins: 'an invoice is checked that no list names: of a refund, a direct payment or a reissue',
        to: {
          sent: 'the wallet is about to be asked to pay it',
          paid: 'the wallet has paid it, the payee shows its preimage, or both have signed a counter with it',
          credited: 'a debt of the payee settles it',
          void: 'the hash is replaced by that of another invoice'
        }
      },
      sent: {
        meaning: 'in flight: only the wallet knows how it ends',
        to: {
          paid: 'the wallet has paid it, the payee shows its preimage, or both have signed a counter with it',
          failed: 'the wallet has given it up',
          bound: 'the wallet has never heard of it'
        }
      },
      failed: {
        meaning: 'the wallet has given it up; it can be sent again on the same hash',
        to: {
          bound: 'the payee of a refund asks for the same invoice again',
          sent: 'it is sent again',
          paid: 'the wallet has paid it, the payee shows its preimage, or both have signed a counter with it',
          credited: 'a debt of the payee settles it',
          void: 'the hash is replaced by that of another invoice'
        }
      },
      void: {
        meaning:
          'replaced: the payee has signed that the hash will never be paid, or another invoice is bound',
        final: true,
        to: {
          sent: 'the wallet has it in flight all the same',
          paid: 'the wallet has paid it all the same, or the payee shows its preimage'
        }
      },
      paid: {
        meaning: 'paid; a direct payment ends here',
        begins: 'the wallet has paid an invoice that the ledger does not have, or a counter shows it',
        final: true,
        to: {
          applied: 'the lease or job was told of it',
          receipt: 'the payee has acknowledged it'
        }
      },
      applied: {
        meaning: 'paid, and the lease or job was told of it',
        final: true,
        to: { receipt: 'the payee has acknowledged it' }
      },
      receipt: { meaning: 'paid and acknowledged by the payee', final: true },
      credited: { meaning: 'settled from a debt of the payee; the wallet pays nothing', final: true }
    },
    payee: {
      listed: {
        meaning: 'its hash can be paid',
        begins: 'the payee lists the hash, or issues an invoice',
        to: {
          received: 'the wallet has received it, or both have signed a counter with it',
          refused: 'the agreement is over, or the hash is replaced',
          credited: 'a debt of this node settles it'
        }
      },
      refused: {
        meaning: 'the wallet takes no payment on this hash',
        final: true,
        to: {
          received: 'the wallet has received it all the same, or both have signed a counter with it',
          credited: 'a debt of this node settles it: the end of its agreement was interrupted'
        }
      },
      received: {
        meaning: 'received; a direct payment ends here',
        begins: 'a counter that both have signed shows it',
        final: true,
        to: {
          applied: 'the lease or job was told of it',
          receipt: 'this node has acknowledged it'
        }
      },
      applied: {
        meaning: 'received, and the lease or job was told of it',
        final: true,
        to: { receipt: 'this node has acknowledged it' }
      },
      receipt: { meaning: 'received and acknowledged', final: true },
      credited: { meaning: 'settled from a debt of this node; the wallet receives nothing', final: true }
    }
  }
)

/** The steps as constants. */
export const STEP = paymentStates.is

/** True when the payment counts as made (or received). */
export const isSettled = paymentStates.among('paid', 'received', 'credited', 'applied', 'receipt')

/** True when the payment was made and the lease or job may not know it. */
export const isUnapplied = paymentStates.among('paid', 'received')

/** True when the payment was made and the other side may not have acknowledged it. */
export const isUnacknowledged = paymentStates.among('paid', 'received', 'applied')

/** True while the payer has neither sent the payment nor given its hash up. */
export const isUnsent = paymentStates.among('intent', 'bound')

/** True while the payment may still be made on this hash and has not failed. */
export const isOpen = paymentStates.among('listed', 'intent', 'bound', 'sent')
