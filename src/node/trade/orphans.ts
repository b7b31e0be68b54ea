import type { Wallet } from '../../lightning/wallet.js'
import type { BuyerLeaseContext } from '../../storage/buyer/buyer-lease.js'

/** Only a wallet that can give up its channels has payments whose channel is gone. */
export function orphansOf(wallet: Wallet): Pick<BuyerLeaseContext, 'orphans'> {
  const resolve = wallet.resolve?.bind(wallet)
  if (!resolve) return {}
  return {
    orphans: {
      isOrphan: async hash => {
        const state = await wallet.payment(hash)
        return state.status === 'pending' && state.orphaned === true
      },
      resolve: async (hash, preimage) => void (await resolve(hash, preimage))
    }
  }
}
