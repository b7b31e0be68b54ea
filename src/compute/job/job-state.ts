import type { StateOf } from '#spec'
import { defineStates } from '../../base/states.js'

export type JobState = StateOf<'job'>
export type JobStateName = (typeof jobStates)['names'][number]

/** A job, by role: the agreement with one provider as each side knows it. */
export const jobStates = defineStates(
  'job',
  [
    'AGREED',
    'BOUND',
    'QUEUED',
    'RUNNING',
    'COMMITTED',
    'REVEALED',
    'PAID',
    'DONE',
    'FAILED',
    'ENDED',
    'VOID'
  ],
  {
    buyer: {
      AGREED: {
        meaning: 'the terms are signed by the buyer',
        begins: 'the buyer signs the terms of an ask',
        to: {
          BOUND: 'the provider has signed the terms',
          VOID: 'the provider does not sign, or the buyer gives the job up'
        }
      },
      BOUND: {
        meaning: 'both have signed; nothing is known to be paid',
        to: {
          RUNNING: 'the base is paid',
          COMMITTED: 'the base was paid before a restart, and the provider has committed to its result',
          VOID: 'the buyer gives the job up before anything was paid',
          ENDED: 'the buyer gives the job up while the base may have been paid'
        }
      },
      RUNNING: {
        meaning: 'the base is paid; each segment is paid when it is due',
        to: {
          COMMITTED: 'the provider has signed a commitment to its result',
          ENDED: 'the provider fails, or the buyer gives the job up'
        }
      },
      COMMITTED: {
        meaning: 'the provider has committed to a result that the buyer does not know',
        to: {
          REVEALED: 'the provider has signed its result',
          ENDED: 'the provider fails, or the buyer gives the job up'
        }
      },
      REVEALED: {
        meaning: 'the result is known; its output is encrypted until the last payment',
        to: {
          DONE: 'the output is paid, fetched and decrypted',
          ENDED: 'the result is not accepted, or the provider fails'
        }
      },
      DONE: { meaning: 'over; the buyer has the output', final: true },
      ENDED: { meaning: 'over without an output; something was paid', final: true },
      VOID: { meaning: 'over before anything was paid', final: true }
    },
    provider: {
      AGREED: {
        meaning: 'both have signed; the base is not paid',
        begins: 'the provider signs the terms',
        to: {
          QUEUED: 'the base is received',
          VOID: 'the base does not come in time, or the place is given to another job',
          ENDED: 'the buyer cancels it'
        }
      },
      QUEUED: {
        meaning: 'the base is paid; it is fetched and run, from the start after every restart',
        to: {
          COMMITTED: 'the run has ended, and the commitment to its result is signed',
          FAILED: 'the program, its inputs or a payment fail',
          ENDED: 'the buyer cancels it'
        }
      },
      COMMITTED: {
        meaning: 'the result is on disk and not revealed',
        to: {
          REVEALED: 'the buyer asks for the result',
          FAILED: 'the node fails after it signed the commitment',
          ENDED: 'the buyer cancels it, or does not ask for the result in time'
        }
      },
      REVEALED: {
        meaning: 'the buyer knows the result; the last payment is due',
        to: {
          PAID: 'the last payment is received, or none is due',
          FAILED: 'the node fails after it signed the commitment',
          ENDED: 'the buyer cancels it, or does not pay in time'
        }
      },
      PAID: {
        meaning: 'everything is paid; the output is kept for the buyer',
        to: { DONE: 'the output was fetched, or kept for long enough' }
      },
      DONE: { meaning: 'over; everything was paid', final: true },
      FAILED: { meaning: 'over; the job could not be done', final: true },
      ENDED: { meaning: 'over before everything was paid', final: true },
      VOID: { meaning: 'over because the base was never paid', final: true }
    }
  }
)

export const JOB = jobStates.is

export const isOver = jobStates.recordIn('DONE', 'FAILED', 'ENDED', 'VOID')

/** Whether the job is over and was left before everything was paid. */
export const isLeft = jobStates.recordIn('FAILED', 'ENDED', 'VOID')

/** Whether the provider has revealed the result, so that its key may be sold. */
export const isRevealed = jobStates.recordIn('REVEALED', 'PAID', 'DONE')

/** Whether a state in a provider's report says that it gave the job up. The word is the provider's and may be anything. */
export function saysLeft(word: string): boolean {
  const state = jobStates.named(word)
  return state !== null && isLeft({ state })
}
