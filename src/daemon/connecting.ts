import { BushelError } from '../../contracts/errors/error.js'
import { shortKey } from '../../contracts/keys/key.js'
import { Home } from '../identity/home.js'
import type { WalletChoice } from '../identity/config.js'
import type { WalletBackend, WalletProbe } from '../lightning/backend.js'
import type { HomeAccess } from './access.js'

/** The wallet to connect, and what connecting it would change. */
export interface Connecting extends WalletProbe {
  choice: WalletChoice
}

/** Asks the wallet behind these settings for its node id and network; nothing is changed. */
export async function probeWallet(
  access: HomeAccess,
  backend: WalletBackend,
  settings: Readonly<Record<string, string>>
): Promise<Connecting> {
  const { dir } = await Home.open(access.home)
  const probe = await backend.probe({ dir, settings })
  const { nodeId, network } = probe
  if (!backend.networks.includes(network)) {
    throw new BushelError(
      'WRONG_NETWORK',
      `the Lightning node is on the network '${network}', which Bushel does not support`,
      `nothing was changed; connect a node on ${backend.networks.join(', ')}`
    )
  }
  const node = nodeId && { id: nodeId, network }
  return { ...probe, choice: { backend: backend.id, settings, node, consented: null } }
}

/** When the owner of this home agreed to use real money, ms since 1970; null when never. */
export async function consentOf(access: HomeAccess): Promise<number | null> {
  const { wallet } = await Home.open(access.home)
  return wallet?.consented ?? null
}

/**
 * Sets the wallet of a home and returns its network. Refused while a node runs on the home, or while a lease or payment
 * of the current wallet is open.
 */
export async function connectWallet(
  access: HomeAccess,
  choice: WalletChoice,
  dryRun: boolean
): Promise<string> {
  const home = await Home.open(access.home)
  const lock = await home.lock({ pid: process.pid, command: access.command, control: null })
  try {
    await demandIdle(home, choice)
    if (!dryRun) await home.connectWallet(choice)
    const { networkOf } = await import('../node/backend.js')
    return networkOf(choice)
  } finally {
    lock.release()
  }
}

async function demandIdle(home: Home, choice: WalletChoice): Promise<void> {
  const [{ ledgerOf }, { Ledger }, { STEP }, { readingStore }, { Leases }] = await Promise.all([
    import('../node/backend.js'),
    import('../payment/ledger.js'),
    import('../payment/payment-state.js'),
    import('../node/home-store.js'),
    import('../storage/lease/leases.js')
  ])
  const wallet = ledgerOf(home.wallet)
  if (wallet === ledgerOf(choice)) return // the same wallet, perhaps at another path
  await readingStore(home.dir, store => {
    const leases = new Leases(store)
    for (const { id } of [...leases.open('buyer'), ...leases.open('provider')])
      throw new BushelError(
        'WALLET_IN_USE',
        `lease ${shortKey(id)}... is paid with the wallet in use; nothing was changed`,
        'end it first: bushel leases end'
      )
    if ([...new Ledger(store, wallet).at(STEP.sent)].length === 0) return
    throw new BushelError(
      'WALLET_IN_USE',
      'a payment of the wallet in use is still under way; nothing was changed',
      'run `bushel up` until it is settled; see: bushel log'
    )
  })
}
