import type { EventEmitter } from 'node:events'
import type { Payment } from './ledger.js'

/** True when an installment is received before the time is over, as the `received` events of the payments tell. */
export function untilReceived(
  payments: EventEmitter,
  { agreement, installment, timeoutMs }: { agreement: Buffer; installment: number; timeoutMs: number }
): Promise<boolean> {
  return new Promise(resolve => {
    const done = (value: boolean): void => {
      clearTimeout(timer)
      payments.off('received', look)
      resolve(value)
    }
    const look = (received: Payment): void => {
      const same = received.agreement.equals(agreement) && received.installment === installment
      if (received.kind === 'installment' && same) done(true)
    }
    const timer = setTimeout(() => done(false), timeoutMs)
    payments.on('received', look)
  })
}
