import { formatAmount } from '../../../../contracts/money/money.js'
import { formatSize } from '../../../../contracts/money/quantity.js'
import { nextText } from '../../output/mirror-text.js'
import { dateText } from '../../output/order-text.js'
import { list, right } from '../../output/table.js'
import { listing } from '../../one-call.js'

/** Prints the mirrors of this home. */
export const { syntax, run } = listing({
  usage: 'mirrors',
  summary: 'list the mirrors: how many copies are healthy, and until when they are paid',
  example: 'mirrors --watch',
  watched: true,
  reads: 'mirrors',
  text: ({ mirrors }) =>
    list(mirrors, 'no mirrors', [
      [{ title: 'NAME', flexible: true }, ({ name }) => name],
      [right('SIZE'), ({ bytes }) => formatSize(bytes)],
      [
        right('HEALTHY'),
        ({ copies: { healthy, wanted, failing } }) =>
          `${healthy} of ${wanted}${failing > 0 ? ` (${failing} fail)` : ''}`
      ],
      [{ title: 'PAID UNTIL' }, ({ paidUntil }) => dateText(paidUntil)],
      [right('A MONTH'), ({ monthMsat }) => formatAmount(BigInt(monthMsat))],
      [{ title: 'NEXT', flexible: true }, ({ next }) => nextText(next)]
    ])
})
