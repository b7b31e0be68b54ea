import { join } from 'node:path'
import type ReadyResource from 'ready-resource'
import type { WalletChoice } from '../identity/config.js'
import type { Facts } from '../store/facts.js'
import { ClnWallet } from '../lightning/backends/cln/wallet.js'
import { PLAY_NETWORK } from '../lightning/backends/play/network.js'
import { PlayWallet } from '../lightning/backends/play/wallet.js'
import type { Wallet } from '../lightning/wallet.js'

export const PLAY: WalletChoice = { backend: 'play' }
const KIND = 'pay-index'

/** The wallet that a home has chosen; not open yet. */
export function walletOf(dir: string, choice: WalletChoice, facts: Facts): Wallet & ReadyResource {
  if (choice.backend === 'play') return new PlayWallet({ dir: join(dir, 'lightning') })
  const { socket, nodeId, network } = choice
  const payIndex = {
    get: (): bigint => BigInt((facts.get(KIND, nodeId) ?? '0').toString()),
    set: (index: bigint): Promise<void> =>
      facts.set({ kind: KIND, key: nodeId, value: Buffer.from(index.toString()) })
  }
  return new ClnWallet({ socket, nodeId, network, payIndex })
}

/** Each wallet has a ledger of its own: what one has paid another knows nothing of. */
export function ledgerFile(dir: string, choice: WalletChoice): string {
  const name =
    choice.backend === 'play' ? 'ledger' : `ledger-cln-${choice.nodeId.toString('hex').slice(0, 16)}`
  return join(dir, 'journal', name)
}

/** Id of the Lightning network that a home deals on. */
export function networkOf(choice: WalletChoice): string {
  return choice.backend === 'play' ? PLAY_NETWORK : choice.network
}
