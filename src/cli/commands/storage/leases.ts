import { formatAmount } from '../../../../contracts/money/money.js'
import { formatSize } from '../../../../contracts/money/quantity.js'
import { dateText } from '../../output/order-text.js'
import { list, right } from '../../output/table.js'
import { listing } from '../../one-call.js'

/** Prints the leases of this home, bought and sold. */
export const { syntax, run } = listing({
  usage: 'leases',
  summary: 'list the leases, bought and sold',
  example: 'leases --watch',
  watched: true,
  reads: 'leases',
  text: ({ leases }) =>
    list(leases, 'no leases', [
      [{ title: 'LEASE' }, ({ id }) => id.slice(0, 8)],
      [{ title: 'ROLE' }, ({ role }) => role],
      [{ title: 'DEVICE' }, ({ device }) => device.slice(0, 8)],
      [right('SIZE'), ({ bytes }) => formatSize(bytes)],
      [{ title: 'STATE', flexible: true }, ({ state, why }) => state.toLowerCase() + (why ? `: ${why}` : '')],
      [{ title: 'PAID UNTIL' }, ({ until }) => dateText(until)],
      // What was paid back is not paid any more.
      [
        right('PAID'),
        ({ role, paidMsat, earnedMsat, refundedMsat = '0' }) =>
          formatAmount(BigInt(role === 'buyer' ? paidMsat : earnedMsat) - BigInt(refundedMsat))
      ]
    ])
})
