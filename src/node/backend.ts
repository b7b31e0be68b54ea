import { BushelError } from '../../contracts/errors/error.js'
import type { WalletChoice } from '../identity/config.js'
import { demandNode } from '../lightning/backend.js'
import type { WalletBackend, WalletMemory, WalletResource } from '../lightning/backend.js'
import { findBackend, firstBackend, walletBackends } from '../lightning/registry.js'
import { faultIn } from '../lightning/settings.js'
import type { Liquidity } from '../lightning/liquidity.js'
import type { Balance } from '../lightning/wallet.js'
import { change } from '../store/change.js'
import type { Store } from '../store/store.js'
import { walletTable } from './tables.js'

/** The kind of wallet that a home has chosen. Throws BAD_CONFIG when this version does not know it. */
export function backendOf(choice: WalletChoice | null): WalletBackend {
  if (!choice) return firstBackend()
  const backend = findBackend(choice.backend)
  if (backend) return backend
  const known = walletBackends().map(({ id }) => id)
  throw new BushelError(
    'BAD_CONFIG',
    `config.json names the wallet '${choice.backend}', which this version does not know (it knows ${known.join(', ')}); nothing was changed`,
    'use the version of bushel that connected it, or restore config.json from a copy'
  )
}

/** The wallet that a home has chosen, not opened yet. Throws BAD_CONFIG for bad settings. */
export function loadWallet(dir: string, choice: WalletChoice | null, store: Store): Promise<WalletResource> {
  const { backend, settings, node } = checked(choice)
  return backend.load({ dir, settings, node, memory: memoryIn(store, backend.ledgerName(node)) })
}

/** Reads the balance of a home's wallet without opening it. Throws when another Lightning node answers. */
export async function readBalance(
  dir: string,
  choice: WalletChoice | null
): Promise<Balance & Partial<Liquidity> & { syncing: string | null }> {
  const { backend, settings, node } = checked(choice)
  const { nodeId, alias: _alias, realMoney: _real, ...found } = await backend.probe({ dir, settings })
  if (node && nodeId) demandNode(node, { id: nodeId, network: found.network }, backend.title)
  return found
}

/** The name of a wallet's ledger; each wallet has its own, since it does not know the payments of others. */
export function ledgerOf(choice: WalletChoice | null): string {
  return backendOf(choice).ledgerName(choice?.node ?? null)
}

/** Id of the Lightning network that a home deals on. */
export function networkOf(choice: WalletChoice | null): string {
  return choice?.node?.network ?? backendOf(choice).networks[0]!
}

interface Checked {
  backend: WalletBackend
  settings: Readonly<Record<string, string>>
  node: WalletChoice['node']
}

function checked(choice: WalletChoice | null): Checked {
  const backend = backendOf(choice)
  const settings = choice?.settings ?? {}
  const node = choice?.node ?? null
  const fault = faultIn(backend.settings, settings)
  const why = fault ? `'${fault.name}' ${fault.why}` : nodeFault(backend, node)
  if (why === null) return { backend, settings, node }
  throw new BushelError(
    'BAD_CONFIG',
    `the wallet '${backend.id}' of config.json cannot be used: ${why}; nothing was changed`,
    `connect it again: bushel wallet connect ${backend.id}`
  )
}

function nodeFault({ embedded, networks }: WalletBackend, node: WalletChoice['node']): string | null {
  if (embedded) return node ? 'it is part of the home and cannot name a Lightning node' : null
  if (!node) return 'it names no Lightning node'
  return networks.includes(node.network) ? null : `it is not on the network '${node.network}'`
}

/** The memory of a wallet in the store, under the name of its ledger. */
function memoryIn(store: Store, wallet: string): WalletMemory {
  const keyOf = (name: string): string => `${wallet}/${name}`
  return {
    get: name => store.table(walletTable).get(keyOf(name)),
    set: (name, value) => store.set(change(walletTable, keyOf(name), value))
  }
}
