import { BushelError } from '../../../../contracts/errors/error.js'
import { isWalletAway } from '../../away.js'
import { demandNode } from '../../backend.js'
import type { ConnectedNode } from '../../backend.js'
import { syncOf } from './answers.js'
import type { GetInfo, ListedChannel, ListedInvoice } from './answers.js'
import type { WalletCondition } from '../../wallet.js'
import { ClnClient, ClnError } from './client.js'
import type { RpcParams } from './client.js'

export interface ClnNodeOptions {
  /** Path of lightningd's socket, `lightning-rpc`. */
  socket: string
  /** Public key of the connected node, 33 bytes; by default that of the first node that answers. */
  nodeId?: Buffer
  network?: string
  /** Time limit for an answer that needs no other Lightning node, ms. */
  timeoutMs?: number
}

const TIMEOUT = 15_000
const PAGE = 1000

/** A lightningd whose node id and network are verified after each new connection. */
export class ClnNode {
  readonly #client: ClnClient
  #nodeId: Buffer | null
  #network: string | null
  /** Number of the connection on which the node was last verified. */
  #verified = 0
  #verifying: Promise<void> | null = null
  #syncing: string | null = null
  /** Why it could not be dealt with last time; null when it could. */
  #failure: BushelError | null = null
  readonly #onfound: () => void

  /** `onfound` is called whenever it has turned out how the node stands. */
  constructor(
    { socket, nodeId, network, timeoutMs = TIMEOUT }: ClnNodeOptions,
    onfound: () => void = () => undefined
  ) {
    this.#onfound = onfound
    this.#nodeId = nodeId ?? null
    this.#network = network ?? null
    this.#client = new ClnClient({ socket, timeoutMs })
  }

  /** Throws WALLET_CLOSED until the node id is known. */
  get id(): Buffer {
    if (!this.#nodeId) throw notOpen()
    return this.#nodeId
  }

  get network(): string {
    if (!this.#network) throw notOpen()
    return this.#network
  }

  get identified(): boolean {
    return this.#nodeId !== null && this.#network !== null
  }

  /** Number of the connection; another lightningd process is another one. */
  get connection(): number {
    return this.#client.connections
  }

  /** Last reported reason why the node cannot pay yet; null when it can. */
  get syncing(): string | null {
    return this.#syncing
  }

  /** As the last call found it. */
  get condition(): WalletCondition {
    if (this.#failure) return { state: 'down', reason: this.#failure.message }
    const reason = this.#syncing
    return reason === null ? { state: 'working', reason: '' } : { state: 'starting', reason }
  }

  close(): void {
    this.#client.close()
  }

  /** Connects and verifies the node. Throws WRONG_NETWORK or WRONG_NODE when another node answers. */
  async verify(): Promise<void> {
    if (this.#client.connected && this.#verified === this.#client.connections) return
    this.#verifying ??= this.#identify().finally(() => (this.#verifying = null))
    await this.#verifying
  }

  /** `waits`: no answer in time says nothing about the node, because the call ends with a payment. */
  async call<T>(method: string, params: RpcParams, timeoutMs?: number, { waits = false } = {}): Promise<T> {
    await this.verify()
    try {
      const answer = (await this.#client.call(method, params, timeoutMs)) as T
      this.#found(null)
      return answer
    } catch (error) {
      if (error instanceof ClnError) this.#found(null)
      else if (isWalletAway(error) && !(waits && error.code === 'WALLET_TIMEOUT')) this.#found(error)
      throw error
    }
  }

  /** All entries that a method lists, oldest first, requested in pages. */
  async pages<T extends { created_index?: number }>(method: string, list: string): Promise<T[]> {
    const all: T[] = []
    for (let start = 1; ;) {
      const params = { index: 'created', start, limit: PAGE }
      const page = (await this.call<Record<string, T[]>>(method, params))[list]!
      all.push(...page)
      const last = page.reduce((index, entry) => Math.max(index, entry.created_index ?? 0), 0)
      if (page.length < PAGE || last < start) return all
      start = last + 1
    }
  }

  async channels(): Promise<ListedChannel[]> {
    return (await this.call<{ channels: ListedChannel[] }>('listpeerchannels', {})).channels
  }

  /** The invoice with a payment hash, if any. */
  async invoice(paymentHash: Buffer): Promise<ListedInvoice | undefined> {
    const params = { payment_hash: paymentHash.toString('hex') }
    return (await this.call<{ invoices: ListedInvoice[] }>('listinvoices', params)).invoices[0]
  }

  /** Throws WALLET_SYNCING while the node is not in sync with the chain. */
  async demandSynced(): Promise<void> {
    if (this.#syncing) {
      this.#syncing = syncOf(await this.info())
      this.#found(null)
    }
    if (!this.#syncing) return
    throw new BushelError(
      'WALLET_SYNCING',
      `Core Lightning cannot pay yet: ${this.#syncing}`,
      'nothing was paid; wait until it is in sync with the chain'
    )
  }

  /** `getinfo`, without verifying the node. */
  async info(): Promise<GetInfo> {
    return (await this.#client.call('getinfo', {})) as GetInfo
  }

  #found(failure: BushelError | null): void {
    this.#failure = failure
    this.#onfound()
  }

  async #identify(): Promise<void> {
    try {
      await this.#check()
      this.#found(null)
    } catch (error) {
      if (error instanceof BushelError) this.#found(error)
      throw error
    }
  }

  async #check(): Promise<void> {
    const info = await this.info()
    const connection = this.#client.connections
    const found: ConnectedNode = { id: Buffer.from(info.id, 'hex'), network: info.network }
    this.#nodeId ??= found.id
    this.#network ??= found.network
    demandNode({ id: this.#nodeId, network: this.#network }, found, 'Core Lightning')
    this.#syncing = syncOf(info)
    this.#verified = connection
  }
}

function notOpen(): BushelError {
  return new BushelError('WALLET_CLOSED', 'the wallet is not open yet')
}
