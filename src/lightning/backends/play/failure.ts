import { BushelError } from '../../../../contracts/errors/error.js'

const OLD_COPY =
  'the wallet folder is an old copy: a channel has moved on since, and it cannot be used; nothing was paid'
const NEWEST = 'put the newest wallet folder back, or move this one away to start with a new wallet'

/** The Lightning process cannot be started: what opening the wallet fails with. */
export function broken(reason: string): BushelError {
  return isOldCopy(reason)
    ? failed(OLD_COPY, NEWEST)
    : failed(
        `the Lightning process cannot be kept running (${reason}); nothing was paid`,
        'start the node again; if that does not help, report this'
      )
}

/** The Lightning process has ended too often: what calls are refused with until it runs again. */
export function away(reason: string): BushelError {
  if (isOldCopy(reason)) return failed(OLD_COPY, NEWEST)
  return new BushelError(
    'WALLET_GONE',
    `the Lightning process keeps ending (${reason}) and is started again after a pause; nothing was paid`,
    'try again in a minute; `bushel status` shows when it is back'
  )
}

/** What a call fails with that the Lightning process died of. */
export function endedBy(call: string, reason: string): BushelError {
  if (isOldCopy(reason)) return failed(OLD_COPY, NEWEST)
  return failed(
    `the Lightning process ended while it worked on this (${call}: ${reason}); it is not tried again`,
    'the wallet is started again by itself; report this'
  )
}

/** What LDK said before it panicked, as people are told it. */
export function reasonOf(text: string): string {
  return isOldCopy(text) ? 'the wallet folder is an old copy: a channel has moved on since' : text
}

function isOldCopy(reason: string): boolean {
  return /fallen behind|old copy/i.test(reason)
}

function failed(message: string, hint: string): BushelError {
  return new BushelError('WALLET_FAILED', message, hint)
}
