import type { StateOf } from '#spec'
import { defineStates } from '../../base/states.js'

export type LeaseState = StateOf<'lease'>
export type LeaseStateName = (typeof leaseStates)['names'][number]

/** How the lease of an imported mirror begins. */
const TAKEN = 'an earlier device of the owner had it, whose mirror is imported'

/** A lease, by role: the agreement and its payments as each side knows them. */
export const leaseStates = defineStates(
  'lease',
  ['AGREED', 'BOUND', 'COUNTERSIGNED', 'ACTIVE', 'NEXT', 'STORED', 'LAPSING', 'GRACE', 'ENDED', 'VOID'],
  {
    buyer: {
      AGREED: {
        meaning: 'the terms are signed by the buyer',
        begins: 'the buyer signs the terms of a quote',
        to: {
          BOUND: 'the provider has signed the list of installments, and its invoices are checked',
          VOID: 'the provider does not sign, or another provider of the mirror did not',
          LAPSING: 'it is given up, and payments of it came to light in a counter that both have signed',
          ENDED: 'the owner ends it'
        }
      },
      BOUND: {
        meaning: 'both have signed; nothing is paid yet',
        to: {
          ACTIVE: 'the first installment is paid',
          VOID: 'it is given up before anything was paid',
          LAPSING: 'it is given up while the first payment may have been made',
          ENDED: 'the owner ends it'
        }
      },
      ACTIVE: {
        meaning: 'the first installment is paid; the copy is uploaded',
        begins: TAKEN,
        to: {
          STORED: 'the provider has signed the receipt for the whole copy',
          NEXT: 'the same, where it follows a lease that is not over',
          LAPSING: 'the provider fails or ends it, and the lease is given up',
          ENDED: 'the owner ends it'
        }
      },
      NEXT: {
        meaning: 'sealed; it begins when the lease before it ends',
        begins: TAKEN,
        to: {
          STORED: 'the lease before it has been served',
          LAPSING: 'the lease before it, or this one, is given up',
          ENDED: 'the owner ends it'
        }
      },
      STORED: {
        meaning: 'the provider keeps the whole copy; it is audited and paid',
        begins: TAKEN,
        to: {
          LAPSING: 'the provider fails an audit, breaks its word or ends it, and the lease is given up',
          ENDED:
            'its time is over, or the owner ends it, or its provider does not hand it over to this device'
        }
      },
      LAPSING: {
        meaning: 'given up; the provider is asked for its signed debt',
        begins: TAKEN,
        to: {
          ENDED: 'the provider has answered, or what was paid is used up',
          VOID: 'the wallet says that the payment in flight was never made'
        }
      },
      ENDED: { meaning: 'over; what the provider owes is recorded as a debt', begins: TAKEN, final: true },
      VOID: { meaning: 'over before anything was paid', final: true }
    },
    provider: {
      COUNTERSIGNED: {
        meaning: 'both have signed; its space is reserved',
        begins: 'the provider signs the terms and the list of installments',
        to: {
          ACTIVE: 'the first installment is received',
          VOID: 'the first installment does not come in time',
          ENDED: 'the buyer or the owner ends it'
        }
      },
      ACTIVE: {
        meaning: 'the first installment is received; the upload is taken in',
        to: {
          STORED: 'the seal fits the upload, and the receipt is signed',
          NEXT: 'the same, where it follows a lease that is not over',
          ENDED: 'the buyer or the owner ends it, the upload breaks the terms, or it is not sealed in time'
        }
      },
      NEXT: {
        meaning: 'sealed; it begins when the lease before it ends, in whose space it is kept',
        to: {
          STORED: 'the lease before it has been served',
          ENDED: 'the buyer or the owner ends it, or the lease before it'
        }
      },
      STORED: {
        meaning: 'the whole copy is kept and served',
        to: {
          GRACE: 'the paid time is over',
          ENDED: 'the buyer or the owner ends it'
        }
      },
      GRACE: {
        meaning: 'kept and not served, because it is not paid',
        to: {
          STORED: 'the next installment is received',
          ENDED: 'the grace is over, or the buyer or the owner ends it'
        }
      },
      ENDED: { meaning: 'over; the space is free, and what is owed is recorded as a debt', final: true },
      VOID: {
        meaning: 'over because nothing was paid',
        final: true,
        to: { ACTIVE: 'the wallet reports the first installment after all' }
      }
    }
  }
)

export const LEASE = leaseStates.is

/** Whether the lease is over: nothing more is served or paid. */
export const isOver = leaseStates.recordIn('ENDED', 'VOID')

/** Whether the buyer pays no more: the lease is over, or only its end is still due. */
export const isGivenUp = leaseStates.recordIn('LAPSING', 'ENDED', 'VOID')

/** Whether both have signed and the lease is not given up. */
export const isLive = leaseStates.recordIn('BOUND', 'COUNTERSIGNED', 'ACTIVE', 'NEXT', 'STORED', 'GRACE')

/** Whether its provider has signed that it keeps the copy. */
export const isSealed = leaseStates.recordIn('NEXT', 'STORED', 'GRACE')

/** Whether the lease waits for its first payment. */
export const isUnpaid = leaseStates.recordIn('AGREED', 'BOUND', 'COUNTERSIGNED')
