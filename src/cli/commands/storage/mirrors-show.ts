import { formatAmount, formatPrice } from '../../../../contracts/money/money.js'
import { formatSize } from '../../../../contracts/money/quantity.js'
import type { Result } from '../../../node/api/api.js'
import { oneCall, onNode } from '../../one-call.js'
import { nextText } from '../../output/mirror-text.js'
import { dateText } from '../../output/order-text.js'
import { facts, list, right } from '../../output/table.js'

/** Prints one mirror with its copies. */
export const { syntax, run } = oneCall({
  usage: 'mirrors show <name>',
  summary: 'show a mirror: each copy with its provider, price, last audit and end',
  example: 'mirrors show films',
  call: onNode('mirrors.show'),
  params: (_invocation, [mirror]) => ({ mirror: mirror! }),
  text: mirror => [
    ...facts([
      ['name', mirror.name],
      ['id', mirror.id],
      ['path', mirror.path],
      ['size', formatSize(mirror.bytes)],
      ['healthy', `${mirror.copies.healthy} of ${mirror.copies.wanted} copies`],
      ['paid until', dateText(mirror.paidUntil)],
      ['ends', dateText(mirror.ends)],
      ['renewal', mirror.renew ? 'by itself, while this node is up' : 'off'],
      ['cost', `${formatAmount(BigInt(mirror.monthMsat))} a month`],
      ['at risk', `${formatAmount(BigInt(mirror.atRiskMsat))} paid ahead for time not yet served`],
      ['next', nextText(mirror.next)]
    ]),
    '',
    ...list(mirror.leases, 'no copies', [
      [{ title: 'LEASE' }, ({ id }) => id.slice(0, 8)],
      [{ title: 'PROVIDER' }, ({ provider }) => provider.slice(0, 8)],
      [{ title: 'COPY', flexible: true }, ({ health }) => health],
      [right('PRICE'), ({ price }) => formatPrice(BigInt(price))],
      [{ title: 'LAST AUDIT' }, ({ lastAudit }) => dateText(lastAudit)],
      [{ title: 'PAID UNTIL' }, ({ paidUntil }) => dateText(paidUntil)]
    ]),
    ...mirror.leases.flatMap(({ id, notice }) =>
      notice ? [`The provider of ${id.slice(0, 8)} says (${dateText(notice.at)}): ${notice.text}`] : []
    ),
    ...mirror.leases.flatMap(({ id, why }) => (why ? [`${id.slice(0, 8)}: ${why}`] : [])),
    ...moreOf(mirror.leases.filter(({ health }) => LIVING.has(health))),
    '',
    'Anyone who has this link can fetch and read everything. Keep it like a password:',
    mirror.link
  ]
})

/** Copies that can be read, or will be again. */
const LIVING = new Set(['healthy', 'unanswered', 'gone'])

type Copies = Result<'mirrors.show'>['leases']

/** What can be read of copies, and how far their audits can be relied on. */
function moreOf(copies: Copies): string[] {
  if (copies.length === 0) return []
  return [
    '',
    ...list(copies, '', [
      [{ title: 'LEASE' }, ({ id }) => id.slice(0, 8)],
      [right('LEFT FOR READERS'), ({ egress }) => formatSize(egress.readers)],
      [right('LEFT FOR YOU'), ({ egress }) => formatSize(egress.owner)],
      [right('1 % LOST, UNSEEN'), ({ unseen1pct }) => percent(unseen1pct)],
      [right('0.1 % LOST, UNSEEN'), ({ unseen01pct }) => percent(unseen01pct)]
    ]),
    'Unseen: the odds that a loss of so much was not found by the audits of the last 30 days.'
  ]
}

function percent(odds: number): string {
  if (odds > 0 && odds < 0.001) return 'below 0.1 %'
  return `${(odds * 100).toFixed(1)} %`
}
