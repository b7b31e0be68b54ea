import { formatAmount } from '../../../../contracts/money/money.js'
import { isPlayMoney } from '../../../lightning/networks.js'
import { findBackend } from '../../../lightning/registry.js'
import type { Result } from '../../../node/api/api.js'
import { facts, list, right } from '../../output/table.js'
import { listing } from '../../one-call.js'

/** Rows of the table; `--json` has all. */
const MOST_PEERS = 40

type Peers = NonNullable<Result<'wallet'>['peers']>

const amount = (msat: string): string => formatAmount(BigInt(msat))

/** Prints the wallet's node, network and balance, and what can be sent to and received from whom. */
export const { syntax, run } = listing({
  usage: 'wallet',
  summary: 'show the balance: what can be sent to and received from whom',
  example: 'wallet',
  reads: 'wallet',
  text: result => {
    const { backend, nodeId, network, spendableMsat, receivableMsat, condition, syncing } = result
    const { largestMsat, newChannelMsat, peers } = result
    const title = findBackend(backend)?.title ?? backend
    const lines = facts([
      ['wallet', `${title} ${nodeId?.slice(0, 16) ?? '(embedded)'}`],
      ['network', isPlayMoney(network) ? `${network} (play money, worth nothing)` : network],
      ['spendable', amount(spendableMsat)],
      ['receivable', `${amount(receivableMsat)} over the channels that are open now`],
      ...(largestMsat
        ? [['largest', `${amount(largestMsat)} in one payment, its fee included`] as Fact]
        : []),
      ...(newChannelMsat && newChannelMsat !== '0'
        ? [['to others', `${amount(newChannelMsat)}, to a node that is not listed here`] as Fact]
        : []),
      ...(syncing ? [['state', `it cannot pay yet: ${syncing}`] as Fact] : []),
      ...(condition === 'down' ? [['state', 'it does not answer'] as Fact] : [])
    ])
    return peers?.length ? [...lines, '', ...peerTable(peers, condition !== undefined)] : lines
  }
})

type Fact = [string, string]

/** Without a node nobody is connected, which is no news. */
function peerTable(peers: Peers, running: boolean): string[] {
  const rows = list(peers.slice(0, MOST_PEERS), '', [
    [{ title: 'PEER' }, ({ peer }) => peer.slice(0, 16)],
    [right('CHANNELS'), ({ channels }) => String(channels)],
    [right('CAN SEND'), ({ spendableMsat }) => amount(spendableMsat)],
    [right('CAN RECEIVE'), ({ receivableMsat }) => amount(receivableMsat)],
    [{ title: '' }, ({ usable }) => (running && !usable ? 'away' : '')]
  ])
  const more = peers.length - MOST_PEERS
  return more > 0 ? [...rows, `and ${more} more: --json lists them`] : rows
}
