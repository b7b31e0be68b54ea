import type ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors/error.js'
import type { SettingsOf, SettingsSchema } from './settings.js'
import type { Liquidity } from './liquidity.js'
import type { Balance, Wallet } from './wallet.js'

/** The Lightning node that a home was connected to. The home uses no other node in its place. */
export interface ConnectedNode {
  /** Public key, 33 bytes. */
  id: Buffer
  network: string
}

/** Named values that a wallet keeps between two starts of the program. */
export interface WalletMemory {
  get(name: string): Buffer | null
  /** On disk when it resolves. */
  set(name: string, value: Buffer): Promise<void>
}

/** A home and its settings for one kind of wallet. */
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

/** Identity, balance and condition of a wallet, from one request. */
export interface WalletProbe extends Balance, Partial<Liquidity> {
  /** Public key of its Lightning node, 33 bytes; null for an embedded wallet that is not open. */
  nodeId: Buffer | null
  /** Alias of the node; empty when it has none. */
  alias: string
  /** Why the node cannot pay yet, in its own words; null when it can. */
  syncing: string | null
  /** Whether its sats have value: then the owner must agree before Bushel uses them. */
  realMoney: boolean
}

/** A wallet that opens with `ready`. Event `fault` (error): an error that the wallet recovered from. */
export type WalletResource = Wallet & ReadyResource

/**
 * One kind of wallet: a folder below `backends` with a descriptor of this shape, and one line in `backends/index.ts`.
 * Every command loads the descriptor, so the descriptor imports the wallet's code only when it is used. A capability
 * that only some wallets have is an optional member, here and in `Wallet`: callers test for the member, not for the id.
 */
export interface WalletBackend<S extends SettingsSchema = SettingsSchema> {
  /** As in `bushel wallet connect <id>` and in `config.json`. */
  readonly id: string
  /** Name in messages. */
  readonly title: string
  /** Networks that it supports; an embedded wallet has one. */
  readonly networks: readonly string[]
  readonly settings: S
  /** Name of the wallet's ledger. Each wallet has its own, because it knows nothing of another wallet's payments. */
  ledgerName(node: ConnectedNode | null): string
  /** Reads identity, balance and condition. Changes nothing; may be called while a node runs on the home. */
  probe(place: WalletPlace<S>): Promise<WalletProbe>
  /** Creates the wallet object of a home; it is not open yet. */
  load(home: WalletHome<S>): Promise<WalletResource>
  /** Present for a wallet inside the home, which needs no external node. A new home starts with it. */
  readonly embedded?: {
    /** Creates the wallet of a new home with `grantMsat` of play money, msat. */
    create(dir: string, options: { grantMsat?: bigint }): Promise<void>
  }
}

/** Name of the ledger for one external node. Throws TypeError without a connected node. */
export function ledgerOf(id: string, node: ConnectedNode | null): string {
  if (!node) throw new TypeError(`a wallet of kind ${id} has no ledger before it is connected`)
  return `ledger-${id}-${node.id.toString('hex').slice(0, 16)}`
}

/** Throws WRONG_NETWORK or WRONG_NODE (exit 5) when the node that answers is not the connected one. */
export function demandNode(expected: ConnectedNode, found: ConnectedNode, title: string): void {
  const hint = 'nothing was paid; start the connected node, or connect this one with: bushel wallet connect'
  if (found.network !== expected.network) {
    throw new BushelError(
      'WRONG_NETWORK',
      `${title} is on the network ${found.network}, but this home uses ${expected.network}`,
      hint
    )
  }
  if (found.id.equals(expected.id)) return
  throw new BushelError(
    'WRONG_NODE',
    `the ${title} node that answers (${found.id.toString('hex').slice(0, 16)}...) is not the one that was connected`,
    hint
  )
}
