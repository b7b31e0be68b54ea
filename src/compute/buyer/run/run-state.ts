import type { RunRecord } from '#spec'
import { defineStates } from '../../../base/states.js'

/** A run: what a buyer asked for, with one job for each of its replicas. */
export const runStates = defineStates('run', ['open', 'done', 'failed', 'cancelled'], {
  buyer: {
    open: {
      meaning: 'providers are hired, and their results compared; it goes on after a restart',
      begins: 'the buyer asks for it',
      to: {
        done: 'a result was accepted, or no result had a majority',
        failed: 'there were not enough providers, and something was paid',
        cancelled: 'the owner cancels it'
      },
      deleted: 'it ended before anything was paid'
    },
    done: {
      meaning: 'over with an outcome',
      final: true,
      deleted: 'there are 1,000 newer runs that are over, and its output was fetched'
    },
    failed: {
      meaning: 'over without an outcome',
      final: true,
      deleted: 'there are 1,000 newer runs that are over'
    },
    cancelled: {
      meaning: 'ended by its owner',
      final: true,
      deleted: 'there are 1,000 newer runs that are over'
    }
  }
})

export const RUN = runStates.is

export function isOpen({ state }: Pick<RunRecord, 'state'>): boolean {
  return state === RUN.open
}
