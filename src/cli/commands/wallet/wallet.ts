import { formatAmount } from '../../../../contracts/money/money.js'
import { isPlayMoney } from '../../../lightning/networks.js'
import { findBackend } from '../../../lightning/registry.js'
import { facts } from '../../output/table.js'
import { listing } from '../../one-call.js'

/** Prints the wallet's node, network and balance. */
export const { syntax, run } = listing({
  usage: 'wallet',
  summary: 'show the balance: what can be sent and received',
  example: 'wallet',
  reads: 'wallet',
  text: ({ backend, nodeId, network, spendableMsat, receivableMsat, condition, syncing }) => {
    const title = findBackend(backend)?.title ?? backend
    return facts([
      ['wallet', `${title} ${nodeId?.slice(0, 16) ?? '(embedded)'}`],
      ['network', isPlayMoney(network) ? `${network} (play money, worth nothing)` : network],
      ['spendable', formatAmount(BigInt(spendableMsat))],
      ['receivable', `${formatAmount(BigInt(receivableMsat))} over the channels that are open now`],
      ...(syncing ? [['state', `it cannot pay yet: ${syncing}`] as [string, string]] : []),
      ...(condition === 'down' ? [['state', 'it does not answer'] as [string, string]] : [])
    ])
  }
})
