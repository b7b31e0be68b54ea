import { formatAmount } from '../../../../contracts/money/money.js'
import { formatSize } from '../../../../contracts/money/quantity.js'
import { read } from '../../../daemon/access.js'
import type { LeaseEntry } from '../../../node/api/api.js'
import type { Action } from '../../invocation.js'
import { dateText } from '../../output/order-text.js'
import { table } from '../../output/table.js'
import { printOrWatch } from '../../output/watch.js'

/** Prints the leases of this home, bought and sold. */
export const run: Action = async (invocation, _positional, options) => {
  const list = (): Promise<{ leases: LeaseEntry[] }> => read(invocation.access, 'leases', invocation.context)
  await printOrWatch(invocation, options, list, result => page(result.leases))
}

function page(leases: LeaseEntry[]): string[] {
  if (leases.length === 0) return ['no leases']
  return table(
    [
      { title: 'LEASE' },
      { title: 'ROLE' },
      { title: 'DEVICE' },
      { title: 'SIZE', align: 'right' },
      { title: 'STATE', flexible: true },
      { title: 'PAID UNTIL' },
      { title: 'PAID', align: 'right' }
    ],
    leases.map(({ id, role, device, bytes, until, state, paidMsat, earnedMsat }) => [
      id.slice(0, 8),
      role,
      device.slice(0, 8),
      formatSize(bytes),
      state.toLowerCase(),
      dateText(until),
      formatAmount(BigInt(role === 'buyer' ? paidMsat : earnedMsat))
    ])
  )
}
