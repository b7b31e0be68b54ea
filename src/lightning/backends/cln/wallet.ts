import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../../../contracts/errors/error.js'
import { isWalletAway } from '../../away.js'
import { formatAmount, least, most } from '../../../../contracts/money/money.js'
import { demandNodeId } from '../../../../contracts/keys/node-id.js'
import { ClnClient, ClnError } from './client.js'
import type { RpcParams } from './client.js'
import { msatOf, syncOf, usable } from './answers.js'
import type { GetInfo, ListedChannel, ListedInvoice, ListedPay } from './answers.js'
import { Settlements } from './settlements.js'
import type { PayIndex } from './settlements.js'
import { paymentHashOf } from '../../invoice.js'
import type {
  Balance,
  InvoiceRequest,
  InvoiceState,
  PaymentState,
  Wallet,
  WalletCondition,
  WalletRecord
} from '../../wallet.js'

export interface ClnWalletOptions {
  /** Path of lightningd's socket, `lightning-rpc`. */
  socket: string
  /** The node that was connected, 33 bytes; with `network` the wallet opens while lightningd is away. */
  nodeId?: Buffer
  network?: string
  payIndex: PayIndex
  /** Longest time for an answer that needs no other node, ms. */
  timeoutMs?: number
  /** Between two looks at a payment that is under way, ms. */
  pollMs?: number
}

/** What a node says of itself when it is first connected. */
export interface ClnProbe extends Balance {
  nodeId: Buffer
  alias: string
  version: string
  blockheight: number
  /** Why it does not deal yet, in its own words, or null. */
  syncing: string | null
}

const TIMEOUT = 15_000
const POLL = 250
/** A route is looked for with so much: what is paid at once is an installment. */
const ROUTE_MSAT = 100_000n
const PAGE = 1000

/**
 * Core Lightning over its socket, for real sats. What became of a payment or an invoice is read from lightningd's own
 * records, by payment hash; an error of `pay`, or no answer at all, says nothing of that. It opens also while
 * lightningd is away, and deals as soon as the same node on the same network is back.
 * Events: `settled` as in the port, followed by `pay_index` from the last one that was stored; `fault` (error) where
 * that went wrong, and went on.
 */
export class ClnWallet extends ReadyResource implements Wallet {
  readonly real = true
  readonly #client: ClnClient
  readonly #options: ClnWalletOptions
  readonly #settlements: Settlements
  #nodeId: Buffer | null
  #network: string | null
  /** The connection over which the node last was found to be the right one. */
  #known = 0
  #knowing: Promise<void> | null = null
  #syncing: string | null = null

  constructor(options: ClnWalletOptions) {
    super()
    this.#options = options
    this.#nodeId = options.nodeId ?? null
    this.#network = options.network ?? null
    this.#client = new ClnClient({ socket: options.socket, timeoutMs: options.timeoutMs ?? TIMEOUT })
    this.#settlements = new Settlements({
      payIndex: options.payIndex,
      wait: (params, timeoutMs) => this.#call<ListedInvoice>('waitanyinvoice', params, timeoutMs),
      onsettled: ({ payment_hash: hash, amount_received_msat: msat }) =>
        this.emit('settled', Buffer.from(hash, 'hex'), msatOf(msat)),
      onfault: error => this.emit('fault', error)
    })
  }

  /** Asks a node who it is. Rejects with WALLET_UNREACHABLE or WALLET_TIMEOUT. */
  static async probe(socket: string, timeoutMs = 5_000): Promise<ClnProbe> {
    const payIndex = { get: () => 0n, set: async () => undefined }
    const wallet = new ClnWallet({ socket, payIndex, timeoutMs })
    try {
      const info = await wallet.#info()
      wallet.#network = info.network
      const balance = await wallet.#balance()
      const { alias = '', version = '', blockheight } = info
      const nodeId = Buffer.from(info.id, 'hex')
      return { ...balance, nodeId, alias, version, blockheight, syncing: syncOf(info) }
    } finally {
      wallet.#client.close()
    }
  }

  get network(): string {
    if (!this.#network) throw notOpen()
    return this.#network
  }

  get nodeId(): Buffer {
    if (!this.#nodeId) throw notOpen()
    return this.#nodeId
  }

  protected override async _open(): Promise<void> {
    if (!this.#nodeId || !this.#network) await this.#know()
    this.#settlements.start()
  }

  protected override async _close(): Promise<void> {
    this.#client.close()
    await this.#settlements.close()
  }

  async balance(): Promise<Balance> {
    await this.#know()
    return this.#balance()
  }

  async #balance(): Promise<Balance> {
    const channels = (await this.#channels()).filter(usable)
    return {
      network: this.network,
      spendableMsat: channels.reduce((sum, { spendable_msat: msat }) => sum + msatOf(msat), 0n),
      receivableMsat: channels.reduce((sum, { receivable_msat: msat }) => sum + msatOf(msat), 0n)
    }
  }

  async condition(): Promise<WalletCondition> {
    try {
      await this.#know()
    } catch (error) {
      if (!(error instanceof BushelError)) throw error
      return { state: 'down', reason: error.message }
    }
    return this.#syncing === null
      ? { state: 'working', reason: '' }
      : { state: 'starting', reason: this.#syncing }
  }

  /** Why the node does not pay yet, as it said last; null when it does. */
  get syncing(): string | null {
    return this.#syncing
  }

  async issue({ preimage, msat, description, expirySeconds, label }: InvoiceRequest): Promise<string> {
    const hash = sha256(preimage)
    const request = {
      amount_msat: msat.toString(),
      label: label ?? `bushel/${hash}`,
      description,
      expiry: expirySeconds,
      preimage: preimage.toString('hex')
    }
    try {
      const { bolt11 } = await this.#call<{ bolt11: string }>('invoice', request)
      return bolt11
    } catch (error) {
      if (!(error instanceof ClnError) || !DUPLICATE.has(error.rpc)) throw error
    }
    // It was issued before: by its label or by its preimage it is found again.
    const known = (await this.#invoices({ payment_hash: hash }))[0]
    if (!known?.bolt11 || msatOf(known.amount_msat) !== msat) {
      throw new BushelError(
        'WALLET_FAILED',
        `Core Lightning has another invoice under the label ${request.label}`,
        'nothing was issued; delete it with `lightning-cli delinvoice`, if it is not needed'
      )
    }
    return known.bolt11
  }

  async refuse(paymentHash: Buffer): Promise<InvoiceState> {
    for (let attempt = 0; ; attempt++) {
      const invoice = (await this.#invoices({ payment_hash: paymentHash.toString('hex') }))[0]
      if (!invoice) return { status: 'refused' }
      if (invoice.status === 'paid') return stateOf(invoice)
      try {
        await this.#call('delinvoice', { label: invoice.label, status: invoice.status })
        return { status: 'refused' }
      } catch (error) {
        // It was paid, ran out, or was deleted in between: its state is asked for again.
        if (!(error instanceof ClnError) || !MOVED_ON.has(error.rpc) || attempt === 3) throw error
      }
    }
  }

  async invoice(paymentHash: Buffer): Promise<InvoiceState> {
    const invoice = (await this.#invoices({ payment_hash: paymentHash.toString('hex') }))[0]
    return invoice ? stateOf(invoice) : { status: 'unknown' }
  }

  async reach(nodeId: Buffer, msat: bigint, timeoutMs: number): Promise<void> {
    demandNodeId(nodeId)
    const channels = (await this.#channels()).filter(usable)
    const spendable = channels.reduce((sum, channel) => sum + msatOf(channel.spendable_msat), 0n)
    if (spendable < msat) {
      throw new BushelError(
        'NO_BALANCE',
        `${formatAmount(msat)} are needed, and ${formatAmount(spendable)} can be sent now`,
        'nothing was paid; open a channel, or wait until one is connected'
      )
    }
    const id = nodeId.toString('hex')
    if (channels.some(channel => channel.peer_id === id && msatOf(channel.spendable_msat) >= msat)) return
    const amount = least(msat, ROUTE_MSAT).toString()
    try {
      await this.#call('getroute', { id, amount_msat: amount, riskfactor: 10 }, timeoutMs)
    } catch (error) {
      if (!(error instanceof ClnError)) throw error
      throw new BushelError(
        'NO_ROUTE',
        `no route to ${id.slice(0, 16)}... was found: ${error.message}`,
        'nothing was paid; open a channel to a node that knows it'
      ).withCause(error)
    }
  }

  async pay(
    invoice: string,
    { maxFeeMsat, timeoutMs }: { maxFeeMsat: bigint; timeoutMs: number }
  ): Promise<PaymentState> {
    const hash = paymentHashOf(invoice)
    const until = performance.now() + timeoutMs
    const before = await this.payment(hash)
    if (before.status === 'succeeded') return before
    if (before.status === 'pending') return this.#recorded(hash, until)
    await this.#synced()
    const request = {
      bolt11: invoice,
      maxfee: maxFeeMsat.toString(),
      retry_for: Math.max(1, Math.floor(timeoutMs / 1000))
    }
    let refusal: ClnError | null = null
    try {
      await this.#call('pay', request, timeoutMs)
    } catch (error) {
      if (error instanceof ClnError) refusal = error
      else if (!isUnanswered(error)) throw error
    }
    // Whatever `pay` said, or did not: what became of the payment stands in the records.
    const state = await this.#recorded(hash, refusal ? performance.now() : until)
    if (state.status === 'succeeded' || state.status === 'pending') return state
    if (refusal) return { status: 'failed', reason: reasonOf(refusal) }
    return state.status === 'unknown' ? { status: 'pending' } : state
  }

  /** What stands in the records of a payment that was sent; a lightningd that is away is waited for until then. */
  async #recorded(hash: Buffer, until: number): Promise<PaymentState> {
    for (;;) {
      try {
        return await this.#final(hash, until)
      } catch (error) {
        if (!isUnanswered(error)) throw error
        const left = until - performance.now()
        if (left <= 0 || this.closing) return { status: 'pending' }
        await pause(Math.min(this.#options.pollMs ?? POLL, left))
      }
    }
  }

  async payment(paymentHash: Buffer): Promise<PaymentState> {
    const { pays } = await this.#call<{ pays: ListedPay[] }>('listpays', {
      payment_hash: paymentHash.toString('hex')
    })
    const complete = pays.find(({ status }) => status === 'complete')
    if (complete?.preimage) {
      const feeMsat = notBelow0(msatOf(complete.amount_sent_msat) - msatOf(complete.amount_msat))
      return { status: 'succeeded', preimage: Buffer.from(complete.preimage, 'hex'), feeMsat }
    }
    if (pays.some(({ status }) => status !== 'failed')) return { status: 'pending' }
    return pays.length > 0 ? { status: 'failed', reason: 'Core Lightning gave it up' } : { status: 'unknown' }
  }

  /** The state of a payment when it is final, or as it stands when the time is over. */
  async #final(hash: Buffer, until: number): Promise<PaymentState> {
    for (;;) {
      const state = await this.payment(hash)
      const left = until - performance.now()
      if (state.status !== 'pending' || left <= 0 || this.closing) return state
      await pause(Math.min(this.#options.pollMs ?? POLL, left))
    }
  }

  async history({ since = 0 }: { since?: number } = {}): Promise<WalletRecord[]> {
    const pays = await this.#pages<ListedPay>('listpays', 'pays')
    const invoices = await this.#pages<ListedInvoice>('listinvoices', 'invoices')
    const received = invoices.filter(({ status }) => status === 'paid').map(receivedRecord)
    // A payment that was tried again stands there once for each try; the one that went through counts.
    const sent = new Map<string, WalletRecord>()
    for (const record of pays.map(sentRecord)) {
      const key = record.paymentHash.toString('hex')
      const known = sent.get(key)
      if (!known || RANK[record.status] >= RANK[known.status]) sent.set(key, record)
    }
    return [...sent.values(), ...received].filter(({ at }) => at >= since).sort((a, b) => a.at - b.at)
  }

  /** Everybody's payments come over the channels that there are. */
  async canReceive(_from: Buffer, msat: bigint): Promise<boolean> {
    return (await this.balance()).receivableMsat >= msat
  }

  async #pages<T extends { created_index?: number }>(method: string, list: string): Promise<T[]> {
    const all: T[] = []
    for (let start = 1; ;) {
      const page = (await this.#call<Record<string, T[]>>(method, { index: 'created', start, limit: PAGE }))[
        list
      ]!
      all.push(...page)
      const last = page.reduce((index, entry) => Math.max(index, entry.created_index ?? 0), 0)
      if (page.length < PAGE || last < start) return all
      start = last + 1
    }
  }

  async #channels(): Promise<ListedChannel[]> {
    return (await this.#call<{ channels: ListedChannel[] }>('listpeerchannels', {})).channels
  }

  async #invoices(params: RpcParams): Promise<ListedInvoice[]> {
    return (await this.#call<{ invoices: ListedInvoice[] }>('listinvoices', params)).invoices
  }

  async #synced(): Promise<void> {
    if (this.#syncing) this.#syncing = syncOf(await this.#info())
    if (!this.#syncing) return
    throw new BushelError(
      'WALLET_SYNCING',
      `Core Lightning does not pay yet: ${this.#syncing}`,
      'nothing was paid; wait until it is in step with the chain'
    )
  }

  async #info(): Promise<GetInfo> {
    return (await this.#client.call('getinfo', {})) as GetInfo
  }

  /** A call of a node that has been found to be the right one, over the connection that there is now. */
  async #call<T>(method: string, params: RpcParams, timeoutMs?: number): Promise<T> {
    if (this.#nodeId) await this.#know()
    return (await this.#client.call(method, params, timeoutMs)) as T
  }

  /** Makes sure that the node is the one that was connected, on its network, after each new connection. */
  async #know(): Promise<void> {
    if (this.#client.connected && this.#known === this.#client.connections) return
    this.#knowing ??= this.#meet().finally(() => (this.#knowing = null))
    await this.#knowing
  }

  async #meet(): Promise<void> {
    const info = await this.#info()
    const connection = this.#client.connections
    const nodeId = Buffer.from(info.id, 'hex')
    this.#nodeId ??= nodeId
    this.#network ??= info.network
    if (info.network !== this.#network) {
      throw new BushelError(
        'WRONG_NETWORK',
        `Core Lightning is on ${info.network} now, this home deals on ${this.#network}`,
        'nothing was paid; start the node that was connected, or connect anew: bushel wallet connect'
      )
    }
    if (!nodeId.equals(this.#nodeId)) {
      throw new BushelError(
        'WRONG_NODE',
        `another node (${info.id.slice(0, 16)}...) answers at ${this.#options.socket}`,
        'nothing was paid; start the node that was connected, or connect anew: bushel wallet connect'
      )
    }
    this.#syncing = syncOf(info)
    this.#known = connection
  }
}

/** Duplicate label, duplicate preimage. */
const DUPLICATE = new Set([900, 901])
/** Unknown invoice, another status than was thought. */
const MOVED_ON = new Set([905, 906])
const RANK = { failed: 0, pending: 1, succeeded: 2 } as const
const STATUS = { failed: 'failed', pending: 'pending', complete: 'succeeded' } as const

const REASONS: Record<number, string> = {
  203: 'the payee does not know the invoice (any more)',
  205: 'no route, or not enough on the way',
  206: 'the route would cost more than the fee limit',
  207: 'the invoice has expired',
  210: 'no route within the time limit'
}

function reasonOf({ rpc, message }: ClnError): string {
  const reason = REASONS[rpc]
  return reason ? `${reason} (${rpc})` : message
}

function stateOf(invoice: ListedInvoice): InvoiceState {
  if (invoice.status !== 'paid') return { status: 'open' }
  const receivedMsat = msatOf(invoice.amount_received_msat)
  return { status: 'settled', receivedMsat, settledAt: (invoice.paid_at ?? 0) * 1000 }
}

function sentRecord(pay: ListedPay): WalletRecord {
  const amount = msatOf(pay.amount_msat)
  const sent = msatOf(pay.amount_sent_msat)
  return {
    direction: 'sent',
    paymentHash: Buffer.from(pay.payment_hash, 'hex'),
    msat: amount,
    feeMsat: pay.status === 'complete' ? notBelow0(sent - amount) : 0n,
    preimage: pay.preimage ? Buffer.from(pay.preimage, 'hex') : null,
    status: STATUS[pay.status],
    at: (pay.completed_at ?? pay.created_at) * 1000,
    description: pay.description ?? ''
  }
}

function receivedRecord(invoice: ListedInvoice): WalletRecord {
  return {
    direction: 'received',
    paymentHash: Buffer.from(invoice.payment_hash, 'hex'),
    msat: msatOf(invoice.amount_received_msat),
    feeMsat: 0n,
    preimage: invoice.payment_preimage ? Buffer.from(invoice.payment_preimage, 'hex') : null,
    status: 'succeeded',
    at: (invoice.paid_at ?? 0) * 1000,
    description: invoice.description ?? ''
  }
}

/** True when only lightningd's records can tell whether something was done. */
function isUnanswered(error: unknown): boolean {
  return isWalletAway(error) || (error instanceof BushelError && error.code === 'WALLET_CLOSED')
}

function notOpen(): BushelError {
  return new BushelError('WALLET_CLOSED', 'the wallet is not open yet')
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function notBelow0(msat: bigint): bigint {
  return most(msat, 0n)
}
