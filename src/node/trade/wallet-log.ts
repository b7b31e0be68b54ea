import type { Logger } from '../../base/logger.js'
import type { Scope } from '../../base/scope.js'
import type { WalletResource } from '../../lightning/backend.js'
import type { WalletCondition } from '../../lightning/wallet.js'

/** Logs when a wallet's Lightning node disconnects and returns. Call the returned function once the wallet is open. */
export function logWallet(wallet: WalletResource, log: Logger, backend: string, scope: Scope): () => void {
  const say = (message: string): void =>
    log.info(message, { backend, network: wallet.network, node: wallet.nodeId })
  let last: WalletCondition['state'] = 'working'
  scope.on(wallet, 'fault', (error: unknown) => log.fault(error))
  scope.on(wallet, 'condition', ({ state, reason }: WalletCondition) => {
    if (state === last) return
    last = state
    if (state !== 'working') log.warn(`wallet ${state}`, { backend, reason: reason || null })
    else if (wallet.opened) say('wallet up')
  })
  return () => say('wallet opened')
}
