import { BushelError, EXIT } from '../../../../contracts/errors/error.js'

/** What every call is answered with when the Lightning process cannot be kept running. */
export function broken(reason: string): BushelError {
  const behind = /fallen behind/i.test(reason)
  return new BushelError({
    code: 'WALLET_FAILED',
    exit: EXIT.payment,
    message: behind
      ? 'the wallet folder is an old copy: a channel has moved on since, and it cannot be used; nothing was paid'
      : `the Lightning process cannot be kept running (${reason}); nothing was paid`,
    hint: behind
      ? 'put the newest wallet folder back, or move this one away to start with a new wallet'
      : 'start the node again; if that does not help, report this'
  })
}
