import type { EventEmitter } from 'node:events'
import { deadline } from '../../base/timeouts.js'
import type { Payment } from '../ledger.js'

/** True when a `received` event for this installment comes before the timeout. */
export function untilReceived(
  payments: EventEmitter,
  { agreement, installment, timeoutMs }: { agreement: Buffer; installment: number; timeoutMs: number }
): Promise<boolean> {
  return new Promise(resolve => {
    const done = (value: boolean): void => {
      cancel()
      payments.off('received', look)
      resolve(value)
    }
    const look = (received: Payment): void => {
      const same = received.agreement.equals(agreement) && received.installment === installment
      if (received.kind === 'installment' && same) done(true)
    }
    const cancel = deadline(timeoutMs, () => done(false))
    payments.on('received', look)
  })
}
