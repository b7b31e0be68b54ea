import type { Fields, Logger } from '../../base/logger.js'
import type { Ledger, Payment } from '../ledger.js'
import { STEP, isSettled, paymentStates } from '../payment-state.js'

/** Steps after settlement, logged at level debug. */
const isQuiet = paymentStates.among('applied', 'receipt')

/** Logs every step of every payment once it is on disk. Returns a function that stops it. */
export function logPayments(ledger: Ledger, log: Logger): () => void {
  const onwritten = (payments: readonly Payment[]): void => {
    for (const alike of groupsOf(payments)) {
      const { step } = alike[0]!
      const level = step === STEP.failed ? 'warn' : isQuiet(step) ? 'debug' : 'info'
      log[level](`payment ${paymentStates.nameOf(step)}`, fieldsOf(alike))
    }
  }
  ledger.on('written', onwritten)
  return () => ledger.off('written', onwritten)
}

/** Payments of one agreement that take the same step at once share a line: a list has up to 64. */
function groupsOf(payments: readonly Payment[]): Payment[][] {
  const groups = new Map<string, Payment[]>()
  for (const payment of payments) {
    const { agreement, role, kind, step } = payment
    const key = `${agreement.toString('hex')}/${role}/${kind}/${paymentStates.nameOf(step)}`
    const group = groups.get(key)
    if (group) group.push(payment)
    else groups.set(key, [payment])
  }
  return [...groups.values()]
}

function fieldsOf(payments: readonly Payment[]): Fields {
  const [first] = payments
  const { agreement, role, kind, peer, hash, issue } = first!
  const numbers = payments.map(({ installment }) => installment)
  const [from, to] = [numbers[0]!, numbers.at(-1)!]
  const feeMsat = isSettled(first!.step) ? payments.reduce((sum, payment) => sum + payment.feeMsat, 0n) : 0n
  return {
    // A direct payment has only its hash.
    agreement: kind === 'direct' ? null : agreement,
    role,
    kind,
    installment: kind !== 'installment' ? null : from === to ? from : `${from}-${to}`,
    msat: payments.reduce((sum, payment) => sum + payment.msat, 0n),
    feeMsat: feeMsat > 0n ? feeMsat : null,
    issue: issue > 0 ? issue : null,
    hash: payments.length === 1 ? hash.toString('hex') : null,
    peer
  }
}
