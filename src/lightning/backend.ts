import type ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors/error.js'
import type { SettingsOf, SettingsSchema } from './settings.js'
import type { Balance, Wallet } from './wallet.js'

/** The Lightning node that a home was connected to: no other one is dealt with in its place. */
export interface ConnectedNode {
  /** Public key, 33 bytes. */
  id: Buffer
  network: string
}

/** What a wallet must not forget between two starts of the program, by name. */
export interface WalletMemory {
  get(name: string): Buffer | null
  /** On disk when it resolves. */
  set(name: string, value: Buffer): Promise<void>
}

/** Where a wallet is asked for: a home, and the settings that it has for this wallet. */
export interface WalletPlace<S extends SettingsSchema = SettingsSchema> {
  /** Folder of the home. */
  dir: string
  settings: SettingsOf<S>
}

export interface WalletHome<S extends SettingsSchema = SettingsSchema> extends WalletPlace<S> {
  /** Null for an embedded wallet. */
  node: ConnectedNode | null
  memory: WalletMemory
}

/** What a wallet says of itself when it is asked once. */
export interface WalletProbe extends Balance {
  /** Public key of its Lightning node, 33 bytes; null for an embedded wallet, which has one only while it is open. */
  nodeId: Buffer | null
  /** As people call the node; empty where it has no name. */
  alias: string
  /** Why it does not pay yet, in its own words, or null. */
  syncing: string | null
  /** Its sats are worth something: its owner must agree before they are dealt with. */
  realMoney: boolean
}

/** A wallet that is made, and opens with `ready`. Event `fault` (error) when something went wrong, and it went on. */
export type WalletResource = Wallet & ReadyResource

/**
 * One kind of wallet: a folder below `backends` with a descriptor of this shape, and one line in `backends/index.ts`.
 * The descriptor is loaded for every command line, so it loads the wallet itself only when that is asked for. What only
 * some wallets can do is an optional member, here and of `Wallet`: a caller asks for the member, never for the id.
 */
export interface WalletBackend<S extends SettingsSchema = SettingsSchema> {
  /** As in `bushel wallet connect <id>` and in `config.json`. */
  readonly id: string
  /** For people. */
  readonly title: string
  /** The networks that it can be on; an embedded wallet has one. */
  readonly networks: readonly string[]
  readonly settings: S
  /** File name of a wallet's ledger: what one wallet has paid another knows nothing of. */
  ledgerName(node: ConnectedNode | null): string
  /** Asks who the wallet is and what it has; changes nothing, also while a node runs on the home. */
  probe(place: WalletPlace<S>): Promise<WalletProbe>
  /** The wallet of a home, not open yet. */
  load(home: WalletHome<S>): Promise<WalletResource>
  /** It is part of the home, which begins with it, and nothing is connected. */
  readonly embedded?: {
    /** Makes the wallet of a new home, with so much to start with, msat. */
    create(dir: string, options: { grantMsat?: bigint }): Promise<void>
  }
}

/** A connected wallet's ledger: it is told from that of every other node. */
export function ledgerOf(id: string, node: ConnectedNode | null): string {
  if (!node) throw new TypeError(`a wallet of kind ${id} has no ledger before it is connected`)
  return `ledger-${id}-${node.id.toString('hex').slice(0, 16)}`
}

/** Throws WRONG_NETWORK or WRONG_NODE (exit 5) when another node answers than the one that was connected. */
export function demandNode(expected: ConnectedNode, found: ConnectedNode, title: string): void {
  const hint = 'nothing was paid; start the node that was connected, or connect anew: bushel wallet connect'
  if (found.network !== expected.network) {
    throw new BushelError(
      'WRONG_NETWORK',
      `${title} is on ${found.network} now, this home deals on ${expected.network}`,
      hint
    )
  }
  if (found.id.equals(expected.id)) return
  throw new BushelError(
    'WRONG_NODE',
    `another ${title} node (${found.id.toString('hex').slice(0, 16)}...) answers than the one that was connected`,
    hint
  )
}
