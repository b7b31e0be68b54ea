import type { NoiseStream } from 'hyperdht'
import { linkLightning } from '../../lightning/backends/play/link.js'
import type { LightningLink } from '../../lightning/backends/play/link.js'
import { PlayWallet } from '../../lightning/backends/play/wallet.js'
import type { Wallet } from '../../lightning/wallet.js'
import type { BuyerLeaseContext } from '../../storage/buyer/buyer-lease.js'
import type { RestoredHomeOptions } from '../../storage/buyer/restored-home.js'

/** What only a wallet can do whose Lightning node is part of this one; empty for any other. */
export interface EmbeddedWallet {
  /** Payments whose channel is gone. */
  orphans?: NonNullable<BuyerLeaseContext['orphans']>
  /** Gives up the channels with a Lightning node. */
  abandon: RestoredHomeOptions['abandon']
  /** Speaks Lightning over a connection of the node. */
  link: ((stream: NoiseStream) => LightningLink) | null
}

export function embeddedOf(wallet: Wallet): EmbeddedWallet {
  if (!(wallet instanceof PlayWallet)) return { abandon: null, link: null }
  return {
    orphans: {
      isOrphan: async hash => {
        const state = await wallet.payment(hash)
        return state.status === 'pending' && state.orphaned === true
      },
      resolve: async (hash, preimage) => void (await wallet.resolve(hash, preimage))
    },
    abandon: wallet.abandon.bind(wallet),
    link: stream => linkLightning(stream, wallet)
  }
}
