import { join } from 'node:path'
import { BushelError } from '../../../../contracts/errors/error.js'
import type { WalletBackend } from '../../backend.js'
import { PLAY_NETWORK } from './network.js'

const settings = {}

/** The embedded Lightning node without a chain. */
export const play: WalletBackend<typeof settings> = {
  id: 'play',
  title: 'play',
  networks: [PLAY_NETWORK],
  settings,
  ledgerName: () => 'ledger',
  async probe({ dir }) {
    const { readSnapshot } = await import('./log/disk.js')
    const balance = await readSnapshot(folderIn(dir))
    if (balance) return { ...balance, nodeId: null, alias: '', syncing: null, realMoney: false }
    throw new BushelError(
      'BAD_CONFIG',
      `the home ${dir} has no wallet`,
      'the home is damaged: restore it from a copy'
    )
  },
  async load({ dir }) {
    const { PlayWallet } = await import('./wallet.js')
    return new PlayWallet({ dir: folderIn(dir) })
  },
  embedded: {
    async create(dir, options) {
      const { PlayWallet } = await import('./wallet.js')
      await PlayWallet.create(folderIn(dir), options)
    }
  }
}

function folderIn(home: string): string {
  return join(home, 'lightning')
}
