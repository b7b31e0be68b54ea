import { FINAL_INSTALLMENT } from '../../../contracts/job.js'

/** What a payment of an agreement (its id in z32) is for, such as `installment 3 of 8kc1pyjd`. */
export function paidFor(kind: string, installment: number, agreement: string): string {
  return `${kind} ${installment === FINAL_INSTALLMENT ? 'last' : installment} of ${agreement.slice(0, 8)}`
}
