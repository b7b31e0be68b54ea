import type { MirrorJob, StateOf } from '#spec'
import { defineStates } from '../../base/states.js'

export type MirrorState = StateOf<'mirror'>

/** A mirror from its packed drive on: before that nothing of it is on disk but a folder, which the next start deletes. */
export const mirrorStates = defineStates('mirror', ['PACKED', 'RESTING', 'WITHDRAWN', 'KEPT', 'SUPERSEDED'], {
  buyer: {
    PACKED: {
      meaning: 'the drive is packed; its copies are agreed, paid and uploaded, also after a restart',
      begins: 'the tree of a mirror is packed',
      to: {
        KEPT: 'every copy is kept by a provider; the packed drive is deleted',
        SUPERSEDED:
          'its path has changed and is mirrored anew; unfinished leases are ended, the packed drive is deleted'
      },
      deleted: 'it was not placed, and nothing was paid'
    },
    RESTING: {
      meaning: 'the drive is packed; its bid rests on the book until asks fit',
      begins: 'the tree of a bid is packed',
      to: {
        KEPT: 'every copy is kept by a provider; the packed drive is deleted',
        WITHDRAWN: 'the owner withdraws the bid, or it could not be published'
      }
    },
    WITHDRAWN: {
      meaning: 'the bid is withdrawn; only a placement that was under way goes on',
      final: true,
      to: { KEPT: 'the placement under way has succeeded' },
      deleted: 'the placement under way has failed, and nothing was paid'
    },
    KEPT: {
      meaning: 'every copy is kept by a provider; the leases say how each stands',
      begins: 'the mirror of another device of the owner is imported',
      final: true
    },
    SUPERSEDED: {
      meaning: 'it was interrupted and is not finished; a later state of its path is mirrored',
      final: true
    }
  }
})

export const MIRROR = mirrorStates.is

/** Whether the packed drive of the mirror is on disk. */
export function isPacked({ state }: Pick<MirrorJob, 'state'>): boolean {
  return state !== MIRROR.KEPT && state !== MIRROR.SUPERSEDED
}

/** Whether the mirror waits for asks that fit its bid. */
export function isResting({ state }: Pick<MirrorJob, 'state'>): boolean {
  return state === MIRROR.RESTING
}
