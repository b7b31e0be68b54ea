import type { StatusResult } from '../../../node/api/api.js'
import { formatSize } from '../../../../contracts/money/quantity.js'
import { count, facts } from '../../output/table.js'
import { listing } from '../../one-call.js'

/** Prints the identity and the state of this node. */
export const { syntax, run } = listing({
  usage: 'status',
  summary: 'show the identity and the state of this node',
  example: 'status',
  reads: 'status',
  text: ({
    identity,
    device,
    pid,
    network,
    wallet,
    market,
    peers,
    reachability,
    resources,
    strangers,
    notes
  }) =>
    facts([
      ['identity', identity],
      ['device', device],
      ['node', pid === null ? 'not running' : `running, process ${pid}, ${count(peers, 'peer', 'peers')}`],
      ['network', network],
      ...reachLines(reachability),
      ['wallet', walletText(wallet)],
      ['market', market ?? 'none in use'],
      ...Object.values(resources).flatMap(({ lines }) =>
        lines.map(({ label, text }): [string, string] => [label, text])
      ),
      ...strangers
        .filter(({ used }) => used > 0)
        .map((held): [string, string] => ['strangers', heldText(held)]),
      ...notes.map((note): [string, string] => ['note', note])
    ])
})

function reachLines(reachability: StatusResult['reachability']): [string, string][] {
  if (!reachability) return []
  const { text, host, port, forwarded, forwardsFor, forwardedBytes } = reachability
  const address = host === null ? 'address not known' : port === null ? host : `${host}:${port}`
  return [
    ['reachable', `${address}: ${text}`],
    ...(forwarded > 0
      ? [['reachable', `${count(forwarded, 'connection', 'connections')} over a relay`] as [string, string]]
      : []),
    ...(forwardedBytes > 0
      ? [
          [
            'forwards',
            `${count(forwardsFor, 'pair', 'pairs')} now, ${formatSize(forwardedBytes)} since the start`
          ] as [string, string]
        ]
      : [])
  ]
}

function heldText({ text, unit, used, most }: StatusResult['strangers'][number]): string {
  const amount = unit === 'bytes' ? `${formatSize(used)} of ${formatSize(most)}` : `${used} of ${most}`
  return `${amount}: ${text}`
}

function walletText(wallet: StatusResult['wallet']): string {
  if (!wallet) return 'not in use'
  return wallet.reason ? `${wallet.state}: ${wallet.reason}` : wallet.state
}
