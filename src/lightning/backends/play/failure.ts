import { BushelError } from '../../../../contracts/errors/error.js'

const OLD_COPY =
  'the wallet folder is an old copy: one of its channels has a newer state, so it cannot be used; nothing was paid'
const NEWEST =
  'restore the newest copy of the wallet folder, or move this one away to start with a new wallet'

/** The error of opening a wallet whose Lightning process cannot be started. */
export function broken(reason: string): BushelError {
  return isOldCopy(reason)
    ? failed(OLD_COPY, NEWEST)
    : failed(
        `the Lightning process cannot be kept running (${reason}); nothing was paid`,
        'start the node again; if it fails again, report this message'
      )
}

/** The error of calls while the Lightning process waits for a restart after too many crashes. */
export function away(reason: string): BushelError {
  if (isOldCopy(reason)) return failed(OLD_COPY, NEWEST)
  return new BushelError(
    'WALLET_GONE',
    `the Lightning process keeps ending (${reason}) and is restarted after a pause; nothing was paid`,
    isFull(reason)
      ? 'the disk is full: free some space, and try again in a minute'
      : 'try again in a minute; `bushel status` shows when it is back'
  )
}

/** The error of a call that the Lightning process died of. */
export function endedBy(call: string, reason: string): BushelError {
  if (isOldCopy(reason)) return failed(OLD_COPY, NEWEST)
  if (isFull(reason))
    return new BushelError(
      'DISK_FULL',
      `the disk is full, and the Lightning process ended during this call (${call})`,
      'free some space: the process restarts by itself; what was paid is kept'
    )
  return failed(
    `the Lightning process ended during this call (${call}: ${reason}); the call is not tried again`,
    'the process restarts by itself; report this message'
  )
}

/** The text of an LDK panic, in plain words where it is known. */
export function reasonOf(text: string): string {
  return isOldCopy(text) ? 'the wallet folder is an old copy: one of its channels has a newer state' : text
}

function isOldCopy(reason: string): boolean {
  return /fallen behind|old copy/i.test(reason)
}

function isFull(reason: string): boolean {
  return /ENOSPC|EDQUOT|no space left/i.test(reason)
}

function failed(message: string, hint: string): BushelError {
  return new BushelError('WALLET_FAILED', message, hint)
}
