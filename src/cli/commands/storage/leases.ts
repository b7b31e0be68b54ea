import { formatAmount } from '../../../../contracts/money/money.js'
import { formatSize } from '../../../../contracts/money/quantity.js'
import type { LeaseEntry } from '../../../node/api/api.js'
import { dateText } from '../../output/order-text.js'
import { right, table } from '../../output/table.js'
import { listing } from '../../output/watch.js'
import { WATCH } from '../../input/shared-options.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'leases',
  summary: 'list the leases, bought and sold',
  example: 'leases --watch',
  options: {
    ...WATCH
  },
  calls: ['leases']
}

/** Prints the leases of this home, bought and sold. */
export const run = listing('leases', ({ leases }) => page(leases))

function page(leases: LeaseEntry[]): string[] {
  if (leases.length === 0) return ['no leases']
  return table(
    [
      { title: 'LEASE' },
      { title: 'ROLE' },
      { title: 'DEVICE' },
      right('SIZE'),
      { title: 'STATE', flexible: true },
      { title: 'PAID UNTIL' },
      right('PAID')
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
