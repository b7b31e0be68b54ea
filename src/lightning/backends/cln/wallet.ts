import { createHash } from 'node:crypto'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../../../contracts/errors/error.js'
import { demandNodeId } from '../../../../contracts/keys/node-id.js'
import { formatAmount, least, most } from '../../../../contracts/money/money.js'
import type { InvoiceRequest, InvoiceState, PaymentState, WalletRecord } from '../../payment-records.js'
import type { Liquidity } from '../../liquidity.js'
import type { Balance, ReachOptions, Wallet, WalletCondition } from '../../wallet.js'
import { balanceOf, liquidityOf, msatOf, usable } from './answers.js'
import type { ListedInvoice, ListedPay } from './answers.js'
import { ClnError } from './client.js'
import { ClnNode } from './node.js'
import type { ClnNodeOptions } from './node.js'
import { ClnPayments } from './payments.js'
import { invoiceState, walletRecords } from './records.js'
import { ClnRoutes } from './routes.js'
import { Settlements } from './settlements.js'
import type { PayIndex } from './settlements.js'

/** With `nodeId` and `network` given, the wallet opens even while lightningd does not answer. */
export interface ClnWalletOptions extends ClnNodeOptions {
  payIndex: PayIndex
  /** Time between two polls of a pending payment, ms. */
  pollMs?: number
}

const POLL = 250
/** For a caller without a limit on fees, msat: one that no route reaches. */
const NO_FEE_LIMIT = 1_000_000_000n
/** What is set aside for the fee of a payment whose route only its invoice can tell, msat. */
const UNKNOWN_FEE = 5_000n
/** Codes of `invoice`: duplicate label, duplicate preimage. */
const DUPLICATE = new Set([900, 901])
/** Codes of `delinvoice`: unknown invoice, status has changed. */
const CHANGED = new Set([905, 906])

/**
 * Core Lightning over its socket, for real sats. It opens even while lightningd does not answer and works as soon as the
 * same node on the same network is back.
 * Events: `settled` as in the port, read by `pay_index` from the stored one on; `fault` (error): reading settlements
 * failed and is repeated. `condition` (WalletCondition) when its state changes.
 */
export class ClnWallet extends ReadyResource implements Wallet {
  readonly real = true
  readonly #node: ClnNode
  readonly #payments: ClnPayments
  readonly #routes: ClnRoutes
  readonly #settlements: Settlements
  #told: WalletCondition['state'] | null = null

  constructor(options: ClnWalletOptions) {
    super()
    const node = new ClnNode(options, () => this.#tell())
    this.#node = node
    this.#routes = new ClnRoutes(node)
    this.#payments = new ClnPayments({
      node,
      pollMs: options.pollMs ?? POLL,
      stopped: () => this.closing !== null
    })
    this.#settlements = new Settlements({
      payIndex: options.payIndex,
      wait: (params, timeoutMs) => node.call<ListedInvoice>('waitanyinvoice', params, timeoutMs),
      onsettled: ({ payment_hash: hash, amount_received_msat: msat }) =>
        this.emit('settled', Buffer.from(hash, 'hex'), msatOf(msat)),
      onfault: error => this.emit('fault', error)
    })
  }

  get network(): string {
    return this.#node.network
  }

  get nodeId(): Buffer {
    return this.#node.id
  }

  async condition(): Promise<WalletCondition> {
    try {
      await this.#node.verify()
    } catch (error) {
      if (!(error instanceof BushelError)) throw error
      return { state: 'down', reason: error.message }
    }
    return this.#node.condition
  }

  /** Each change of the state is told once. */
  #tell(): void {
    const { condition } = this.#node
    if (this.closing || condition.state === this.#told) return
    this.#told = condition.state
    this.emit('condition', condition)
  }

  /** Last reported reason why the node cannot pay yet; null when it can. */
  get syncing(): string | null {
    return this.#node.syncing
  }

  protected override async _open(): Promise<void> {
    if (!this.#node.identified) await this.#node.verify()
    this.#settlements.start()
  }

  protected override async _close(): Promise<void> {
    this.#node.close()
    await this.#settlements.close()
  }

  async balance(): Promise<Balance> {
    const channels = await this.#node.channels()
    return balanceOf(this.network, channels)
  }

  async liquidity(): Promise<Liquidity> {
    return liquidityOf(await this.#node.channels())
  }

  async issue({ preimage, msat, description, expirySeconds, label }: InvoiceRequest): Promise<string> {
    const hash = createHash('sha256').update(preimage).digest()
    const request = {
      amount_msat: msat.toString(),
      label: label ?? `bushel/${hash.toString('hex')}`,
      description,
      expiry: expirySeconds,
      preimage: preimage.toString('hex')
    }
    try {
      const { bolt11 } = await this.#node.call<{ bolt11: string }>('invoice', request)
      return bolt11
    } catch (error) {
      if (!(error instanceof ClnError) || !DUPLICATE.has(error.rpc)) throw error
    }
    // The label or the preimage was used before: return that invoice.
    const known = await this.#node.invoice(hash)
    if (!known?.bolt11 || msatOf(known.amount_msat) !== msat) {
      throw new BushelError(
        'WALLET_FAILED',
        `Core Lightning has a different invoice with the label ${request.label}`,
        'no invoice was issued; if the other one is not needed, delete it with `lightning-cli delinvoice`'
      )
    }
    return known.bolt11
  }

  async refuse(paymentHash: Buffer): Promise<InvoiceState> {
    for (let attempt = 0; ; attempt++) {
      const invoice = await this.#node.invoice(paymentHash)
      if (!invoice) return { status: 'refused' }
      if (invoice.status === 'paid') return invoiceState(invoice)
      try {
        await this.#node.call('delinvoice', { label: invoice.label, status: invoice.status })
        return { status: 'refused' }
      } catch (error) {
        // It was paid, expired or deleted meanwhile: read its state again.
        if (!(error instanceof ClnError) || !CHANGED.has(error.rpc) || attempt === 3) throw error
      }
    }
  }

  async invoice(paymentHash: Buffer): Promise<InvoiceState> {
    const invoice = await this.#node.invoice(paymentHash)
    return invoice ? invoiceState(invoice) : { status: 'unknown' }
  }

  async reach(nodeId: Buffer, msat: bigint, timeoutMs: number, options: ReachOptions = {}): Promise<void> {
    await this.foresee(nodeId, msat, timeoutMs, options)
  }

  async foresee(
    nodeId: Buffer,
    msat: bigint,
    timeoutMs: number,
    options: ReachOptions = {}
  ): Promise<bigint> {
    demandNodeId(nodeId)
    const { amounts = [msat], maxFeeMsat = () => NO_FEE_LIMIT, invoice } = options
    const listed = await this.#node.channels()
    const channels = listed.filter(usable)
    const { spendableMsat: spendable } = balanceOf(this.network, listed)
    const away = liquidityOf(listed).peers.reduce(
      (sum, peer) => sum + (peer.usable ? 0n : peer.spendableMsat),
      0n
    )
    if (spendable < msat) throw noBalance(formatAmount(msat), spendable, away)
    const id = nodeId.toString('hex')
    if (channels.some(channel => channel.peer_id === id && msatOf(channel.spendable_msat) >= msat)) return 0n
    // The smallest payment may be too small for a hop, the largest too large; the fee grows with the amount.
    let feeMsat = 0n
    for (const one of new Set([least(msat, ...amounts), most(0n, ...amounts)])) {
      const maxFee = maxFeeMsat(one)
      const fee = await this.#routes.feeMsat({
        payee: nodeId,
        msat: one,
        maxFeeMsat: maxFee,
        spendableMsat: spendable,
        invoice,
        timeoutMs
      })
      feeMsat = most(feeMsat, fee ?? least(maxFee, UNKNOWN_FEE))
    }
    const feesMsat = feeMsat * BigInt(amounts.length)
    if (spendable < msat + feesMsat)
      throw noBalance(`${formatAmount(msat)}, and ${formatAmount(feesMsat)} of fees,`, spendable, away)
    return feesMsat
  }

  pay(invoice: string, options: { maxFeeMsat: bigint; timeoutMs: number }): Promise<PaymentState> {
    return this.#payments.pay(invoice, options)
  }

  payment(paymentHash: Buffer): Promise<PaymentState> {
    return this.#payments.state(paymentHash)
  }

  async history({ since = 0 }: { since?: number } = {}): Promise<WalletRecord[]> {
    const pays = await this.#node.pages<ListedPay>('listpays', 'pays')
    const invoices = await this.#node.pages<ListedInvoice>('listinvoices', 'invoices')
    return walletRecords(pays, invoices, since)
  }

  /** The largest minimum of the channels: a payment may come over any of them. */
  async leastReceivable(): Promise<bigint> {
    const channels = (await this.#node.channels()).filter(usable)
    return channels.reduce((sum, { updates }) => most(sum, msatOf(updates?.remote?.htlc_minimum_msat)), 0n)
  }

  /** All payments come over the existing channels, whoever the payer is. */
  async canReceive(_from: Buffer, msat: bigint): Promise<boolean> {
    return (await this.balance()).receivableMsat >= msat
  }
}

function noBalance(needed: string, spendable: bigint, away: bigint): BushelError {
  const more = away > 0n ? `; ${formatAmount(away)} more are in channels whose peers are away` : ''
  return new BushelError(
    'NO_BALANCE',
    `the balance is too small: ${needed} are needed, ${formatAmount(spendable)} can be sent to anybody now${more}`,
    'nothing was paid; open a channel, or wait until a channel is connected; see: bushel wallet'
  )
}
