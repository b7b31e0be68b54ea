import type { Duplex } from 'node:stream'
import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../../../contracts/errors/error.js'
import { demandNodeId, isNodeId } from '../../../../contracts/keys/node-id.js'
import type { Used } from '../../../base/bounds/bounds.js'
import { withTimeout } from '../../../base/timeouts.js'
import type { InvoiceRequest, InvoiceState, PaymentState, WalletRecord } from '../../payment-records.js'
import type { Liquidity } from '../../liquidity.js'
import type { Balance, Wallet, WalletCondition } from '../../wallet.js'
import { paymentHashOf } from '../../invoice.js'
import { PendingCalls, type Death, type PendingCall } from './calls.js'
import { linkLightning, type LightningLink } from './link.js'
import { createWalletDir, readBalance } from './log/disk.js'
import { away } from './failure.js'
import type { WalletCall, CallName, WalletCalls, FromChild, PaymentReport } from './messages.js'
import { PLAY_GRANT_MSAT, PLAY_NETWORK } from './network.js'
import { Outcomes, PENDING } from './outcomes.js'
import { LightningProcess } from './process.js'
import { PeerStreams, type Attachment, type AttachOptions } from './streams.js'

/** How often the channels are closed that were opened for an agreement that nobody paid, ms. */
const TIDY_MS = 60_000

export interface PlayWalletOptions {
  /** Folder of the wallet; created when it does not exist. */
  dir: string
  /** Play money of a new wallet, msat; ignored for an existing one. */
  grantMsat?: bigint
}

/**
 * Lightning without a chain and without a daemon: real invoices, HTLCs and preimages, worthless coins.
 * LDK runs in a child process, which is restarted when it dies. Its open calls are then repeated, except those that it
 * died of: they fail with WALLET_FAILED. While it keeps ending, all calls fail with WALLET_GONE between two starts.
 * Events: `settled` as in the port, not repeated after a restart of the program: ask `invoice` for invoices that were
 * open. `condition` (WalletCondition) when it changes. `fault` (error) when the process keeps ending.
 */
export class PlayWallet extends ReadyResource implements Wallet {
  readonly network = PLAY_NETWORK
  readonly real = false
  readonly dir: string
  readonly #grantMsat: bigint
  readonly #process: LightningProcess
  readonly #streams: PeerStreams
  readonly #calls = new PendingCalls()
  readonly #outcomes = new Outcomes()
  #isPartner: (device: Buffer | null) => boolean = () => true
  #tidying: NodeJS.Timeout | null = null
  #nodeId: Buffer | null = null
  #settledOrder: number | null = null
  /** Set when the wallet is closed or its process cannot be started. */
  #ended: BushelError | null = null
  /** Set while the process waits for a restart after too many crashes. */
  #away: BushelError | null = null
  #reason = ''
  #opened: { resolve(): void; reject(error: Error): void } | null = null

  constructor({ dir, grantMsat = PLAY_GRANT_MSAT }: PlayWalletOptions) {
    super()
    this.dir = dir
    this.#grantMsat = grantMsat
    this.#process = new LightningProcess({
      opening: () => ({
        type: 'open',
        dir: this.dir,
        grantMsat: this.#grantMsat,
        settledAfter: this.#settledOrder
      }),
      onup: (nodeId, settledOrder) => this.#onup(nodeId, settledOrder),
      onmessage: message => this.#onmessage(message),
      ondown: (death, down) => this.#ondown(death, down),
      onfailed: error => this.#end(error)
    })
    this.#streams = new PeerStreams(
      message => this.#process.send(message),
      device => this.#isPartner(device)
    )
  }

  /**
   * Creates the folder of a new wallet, without starting Lightning, and returns its balance. An existing wallet is not
   * changed.
   */
  static async create(
    dir: string,
    { grantMsat = PLAY_GRANT_MSAT }: { grantMsat?: bigint } = {}
  ): Promise<Balance> {
    createWalletDir(dir, grantMsat)
    const balance = await readBalance(dir)
    return balance ?? { network: PLAY_NETWORK, spendableMsat: grantMsat, receivableMsat: 0n }
  }

  /** The balance last written to disk; null when there is no wallet. Works while a node is running. */
  static readBalance(dir: string): Promise<Balance | null> {
    return readBalance(dir)
  }

  /** Known once the wallet is open. */
  get nodeId(): Buffer {
    if (!this.#nodeId) throw this.#ended ?? closedError('the wallet is not open yet')
    return this.#nodeId
  }

  /** The error of every call now; null while the wallet works. */
  get failure(): BushelError | null {
    return this.#ended ?? this.#away
  }

  async condition(): Promise<WalletCondition> {
    return this.#condition
  }

  get #condition(): WalletCondition {
    if (this.#process.up) return { state: 'working', reason: '' }
    return { state: this.failure ? 'down' : 'starting', reason: this.#reason }
  }

  /** Process id of the Lightning process, while there is one. */
  get pid(): number | undefined {
    return this.#process.pid
  }

  protected override _open(): Promise<void> {
    const tidy = (): void => void this.closeUnused().catch(error => this.#onunclosed(error))
    this.#tidying = setInterval(tidy, TIDY_MS).unref()
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject }
      this.#process.start()
    })
  }

  protected override async _close(): Promise<void> {
    if (this.#tidying) clearInterval(this.#tidying)
    this.#streams.close()
    await this.#process.close()
    this.#end(closedError('the wallet is closed'))
  }

  /**
   * Runs Lightning over a byte stream to the node `nodeId`, until either side ends it. A second stream to the same node
   * replaces the first. When the Lightning process dies the stream is destroyed, because a session cannot be resumed:
   * attach a new one (`linkLightning` does).
   */
  attach(stream: Duplex, options: AttachOptions): Attachment {
    if (this.failure || !isNodeId(options.nodeId)) {
      stream.destroy()
      return { closed: Promise.resolve(), close: () => undefined }
    }
    return this.#streams.attach(stream, options)
  }

  link(stream: NoiseStream): LightningLink {
    return linkLightning(stream, this)
  }

  knowPartners(isPartner: (device: Buffer) => boolean): void {
    this.#isPartner = device => device !== null && isPartner(device)
  }

  async used(): Promise<Used> {
    if (!this.#process.up) return {}
    return { unusedChannels: (await this.#ask('unused', () => [])).count }
  }

  /** Closes the channels over which nothing was paid, of devices that are no partners any more. Runs every minute. */
  async closeUnused(): Promise<void> {
    const { devices } = await this.#ask('unused', () => [])
    const strangers = devices.filter(device => !this.#isPartner(device))
    if (strangers.length > 0) await this.#ask('closeUnused', () => [strangers])
  }

  /** They are closed the next time. */
  #onunclosed(error: unknown): void {
    if (!(error instanceof BushelError)) this.emit('fault', error)
  }

  balance(): Promise<Balance> {
    return this.#ask('balance', () => [])
  }

  liquidity(): Promise<Liquidity> {
    return this.#ask('liquidity', () => [])
  }

  issue(request: InvoiceRequest): Promise<string> {
    return this.#ask('issue', () => [request])
  }

  refuse(paymentHash: Buffer): Promise<InvoiceState> {
    return this.#ask('refuse', () => [paymentHash])
  }

  invoice(paymentHash: Buffer): Promise<InvoiceState> {
    return this.#ask('invoice', () => [paymentHash])
  }

  payment(paymentHash: Buffer): Promise<PaymentState> {
    return new Promise((resolve, reject) => {
      const told = ({ state }: PaymentReport): void =>
        resolve(this.#outcomes.visibleState(paymentHash, state))
      this.#send('payment', () => [paymentHash], { resolve: told, reject, killed: reject })
    })
  }

  async history({ since = 0 }: { since?: number } = {}): Promise<WalletRecord[]> {
    const all: WalletRecord[] = []
    for (let from: number | null = 0; from !== null;) {
      const start: number = from
      const page = await this.#ask('history', () => [since, start])
      all.push(...page.records)
      from = page.next
    }
    return all.sort((a, b) => a.at - b.at)
  }

  async canReceive(from: Buffer, msat: bigint): Promise<boolean> {
    demandNodeId(from)
    return this.#ask('canReceive', () => [from, msat])
  }

  /**
   * Gives up the channels with a node after this wallet was restored from an older copy. Call before connecting to that
   * node. `deltaMsat` is added to our last known balance: received since then less paid since then, by the co-signed
   * counters. A repeated `id` has no effect, also after a crash.
   */
  async abandon(nodeId: Buffer, { id, deltaMsat }: { id: string; deltaMsat: bigint }): Promise<void> {
    demandNodeId(nodeId)
    await this.#ask('abandon', () => [nodeId, id, deltaMsat])
  }

  /** Ends an orphaned payment with the payee's answer: its preimage, or null when it will never be claimed. */
  async resolve(paymentHash: Buffer, preimage: Buffer | null): Promise<PaymentState> {
    return (await this.#ask('resolve', () => [paymentHash, preimage])).state
  }

  /** Reserves no capacity: two calls may both count the same capacity. */
  async reach(nodeId: Buffer, msat: bigint, timeoutMs: number): Promise<void> {
    demandNodeId(nodeId)
    const until = performance.now() + timeoutMs
    const asked = this.#ask('reach', () => [nodeId, msat, Math.max(0, until - performance.now())])
    // The process applies the time limit itself; this one is for when there is no process.
    await withTimeout(asked, timeoutMs + 1_000, () => {
      throw new BushelError('WALLET_TIMEOUT', 'the Lightning process did not answer in time')
    })
  }

  async pay(
    invoice: string,
    { maxFeeMsat, timeoutMs }: { maxFeeMsat: bigint; timeoutMs: number }
  ): Promise<PaymentState> {
    const paymentHash = paymentHashOf(invoice)
    if (this.failure) throw this.failure
    const until = performance.now() + timeoutMs
    const { final, stop } = this.#outcomes.watch(paymentHash)
    const asked = new Promise<PaymentReport>((resolve, reject) => {
      this.#outcomes.payRequested(paymentHash)
      const answered = (settle: () => void): void => {
        this.#outcomes.payAnswered(paymentHash)
        settle()
      }
      this.#send('pay', () => [invoice, maxFeeMsat, Math.max(0, until - performance.now())], {
        resolve: report => answered(() => resolve(report)),
        // Closed or down before an answer: the payment may have been sent. Only the record tells, at the next start.
        reject: error => answered(() => (error === this.failure ? resolve(PENDING) : reject(error))),
        killed: error =>
          void this.#recorded(paymentHash).then(report =>
            answered(() => (report ? resolve(report) : reject(error)))
          )
      })
    })
    try {
      const ended = asked.then(({ state, attempt }) => (state.status === 'pending' ? final(attempt) : state))
      return await withTimeout(ended, timeoutMs, () => ({ status: 'pending' }))
    } finally {
      stop()
    }
  }

  #ask<N extends CallName>(
    name: N,
    args: () => Parameters<WalletCalls[N]>
  ): Promise<ReturnType<WalletCalls[N]>> {
    return new Promise((resolve, reject) => this.#send(name, args, { resolve, reject, killed: reject }))
  }

  #send<N extends CallName>(
    name: N,
    args: () => Parameters<WalletCalls[N]>,
    ends: Omit<PendingCall, 'call' | 'resolve'> & { resolve(value: ReturnType<WalletCalls[N]>): void }
  ): void {
    if (this.failure) return ends.reject(this.failure)
    const call = (): WalletCall => ({ name, args: args() }) as WalletCall
    const resolve = ends.resolve as (value: unknown) => void
    const id = this.#calls.add({ ...ends, call, resolve })
    if (this.#process.up) this.#process.send({ type: 'call', id, call: this.#calls.send(id) })
  }

  /** The recorded state of a payment that the process died of; null when it was not sent. */
  async #recorded(paymentHash: Buffer): Promise<PaymentReport | null> {
    try {
      const report = await this.#ask('payment', () => [paymentHash])
      return report.state.status === 'pending' || report.state.status === 'succeeded' ? report : null
    } catch (error) {
      if (!(error instanceof BushelError)) throw error
      return PENDING // the wallet is down or closed: the record is read again later
    }
  }

  #onup(nodeId: Buffer, settledOrder: number): void {
    this.#nodeId = nodeId
    this.#settledOrder ??= settledOrder
    this.#away = null
    this.#streams.start()
    this.emit('condition', this.#condition)
    for (const id of this.#calls.ids()) this.#process.send({ type: 'call', id, call: this.#calls.send(id) })
    for (const paymentHash of this.#outcomes.hashes()) this.#refreshOutcome(paymentHash)
    this.#opened?.resolve()
    this.#opened = null
  }

  #ondown(death: Death, down: boolean): void {
    this.#reason = death.reason
    this.#streams.stop()
    this.#calls.died(death)
    if (down) {
      this.#away = away(death.reason)
      this.#refuseAll(this.#away)
      this.emit('fault', this.#away)
    }
    this.emit('condition', this.#condition)
  }

  /** Asks for a payment's state again: the process may have died before it reported a final state. */
  #refreshOutcome(paymentHash: Buffer): void {
    this.#ask('payment', () => [paymentHash]).then(
      report => this.#outcomes.report(paymentHash, report),
      () => undefined // the wallet is down or closed, and the watchers were ended
    )
  }

  #onmessage(message: FromChild): void {
    switch (message.type) {
      case 'answer':
        this.#calls.take(message.id)?.resolve(message.value)
        break
      case 'refusal':
        this.#calls.take(message.id)?.reject(BushelError.from(message.error))
        break
      case 'settled':
        if (message.order <= (this.#settledOrder ?? 0)) break
        this.#settledOrder = message.order
        // After the bytes to the peer that came with it: the payer waits for them, nobody for what this leads to.
        setImmediate(() => this.emit('settled', message.paymentHash, message.msat))
        break
      case 'payment':
        this.#outcomes.report(message.paymentHash, message.report)
        break
      case 'data':
      case 'ack':
      case 'closed':
        this.#streams.receive(message)
        break
      case 'opening':
        this.#process.send({ type: 'opened', id: message.id, allowed: this.#isPartner(message.device) })
        break
      case 'ready':
      case 'fatal':
        break // handled by LightningProcess
    }
  }

  #end(error: BushelError): void {
    this.#ended ??= error
    this.#refuseAll(this.#ended)
    this.#opened?.reject(this.#ended)
    this.#opened = null
  }

  #refuseAll(error: BushelError): void {
    this.#calls.failAll(error)
    this.#outcomes.end()
    this.#streams.close()
  }
}

function closedError(message: string): BushelError {
  return new BushelError('WALLET_CLOSED', message)
}
