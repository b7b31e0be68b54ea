import { BushelError } from '../../../../contracts/errors/error.js'
import { formatAmount, parseAmount } from '../../../../contracts/money/money.js'
import { withNode } from '../../../daemon/access.js'
import type { SetLimits } from '../../../node/api/api.js'
import { text } from '../../invocation.js'
import type { Action, OptionValues } from '../../invocation.js'
import { facts } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'wallet limits',
  summary: 'show the spending limits, and change them',
  example: 'wallet limits --day "50000 sat" --fee 0.5',
  options: {
    '--deal <amount|none>': 'most for one agreement',
    '--day <amount|none>': 'most in 24 hours',
    '--peer <amount|none>': 'most in 24 hours to one identity',
    '--fee <percent>': 'highest fee, in percent of a payment',
    '--fee-min <amount>': 'fee that is always allowed, whatever the percentage'
  },
  calls: ['wallet.limits']
}

/** Sets the given spending limits and prints all of them. */
export const run: Action = async ({ access, dryRun, output, context }, _positional, options) => {
  const params: SetLimits = { dryRun, ...changes(options) }
  const result = await withNode(access, node => node.call('wallet.limits', params, context))
  const shown = (limit: string | null): string => (limit === null ? 'none' : formatAmount(BigInt(limit)))
  output.print(result, () =>
    facts([
      ['a deal', shown(result.dealMsat)],
      ['a day', shown(result.dayMsat)],
      ['a peer, a day', shown(result.peerMsat)],
      ['a fee', `${result.feePercent} % of a payment, or ${formatAmount(BigInt(result.feeMinMsat))}`]
    ])
  )
}

function changes(options: OptionValues): SetLimits {
  const limit = (name: string): string | null | undefined => {
    const given = text(options, name)
    if (given === undefined) return undefined
    return given === 'none' ? null : parseAmount(given).toString()
  }
  const set: SetLimits = {}
  const [deal, day, peer] = ['deal', 'day', 'peer'].map(limit)
  if (deal !== undefined) set.dealMsat = deal
  if (day !== undefined) set.dayMsat = day
  if (peer !== undefined) set.peerMsat = peer
  const percent = text(options, 'fee')
  if (percent !== undefined) {
    if (!/^\d{1,3}(\.\d{1,2})?$/.test(percent))
      throw new BushelError(
        'BAD_INPUT',
        `'${percent}' is not a percentage`,
        'write it as 1 or 0.5, without a percent sign'
      )
    set.feePercent = Number(percent)
  }
  const least = text(options, 'feeMin')
  if (least !== undefined) set.feeMinMsat = parseAmount(least).toString()
  return set
}
