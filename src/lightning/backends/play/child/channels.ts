import { randomBytes } from 'node:crypto'
import * as ldk from '#ldk'
import { BushelError } from '../../../../../contracts/errors/error.js'
import { most } from '../../../../../contracts/money/money.js'
import { KeyedMutex } from '../../../../base/mutex.js'
import type { Balance } from '../../../wallet.js'
import { fundingTransaction } from './chain.js'
import { apiErrorText, free, hex, someU64 } from './ldk.js'
import { PLAY_NETWORK } from '../network.js'
import type { PlayNode } from './node.js'
import { SPARE_MSAT, channelValueSat, pushSat } from '../sizing.js'
import type { Transport } from './transport.js'

/** Channels that one peer may open to us: each costs memory, and none costs the peer anything. */
const MAX_INBOUND_PER_PEER = 8
/** How long a channel may take to be taken up again by a peer that is connected, ms. */
const TAKEN_UP_MS = 60_000

/** What is asked of a channel, taken out of LDK's object so that this can be freed at once. */
interface ChannelView {
  id: string
  usable: boolean
  outboundMsat: bigint
  inboundMsat: bigint
  /** The most that one payment can carry now, after reserve and fees. */
  limitMsat: bigint
}

/** Opening channels out of the grant, accepting those of others, and what can be spent over all of them. */
export class Channels {
  readonly #node: PlayNode
  readonly #transport: Transport
  readonly #mutex = new KeyedMutex()
  /** Why the last channel to a peer came to nothing, to be told to whoever waits for it. */
  readonly #refusals = new Map<string, string>()
  /** By channel: what was claimed and is not in its balance yet, msat, as of the last time that its peer connected. */
  readonly #claimed = new Map<string, bigint>()

  constructor(node: PlayNode, transport: Transport) {
    this.#node = node
    this.#transport = transport
  }

  balance(): Balance {
    let spendableMsat = this.#node.store.grantMsat
    let receivableMsat = 0n
    for (const { outboundMsat, inboundMsat } of this.#list()) {
      spendableMsat += outboundMsat
      receivableMsat += inboundMsat
    }
    return { network: PLAY_NETWORK, spendableMsat, receivableMsat }
  }

  /** Calls for the same peer run one after the other, so that they do not each open a channel. */
  reach(nodeId: Buffer, msat: bigint, timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs
    return this.#mutex.run(nodeId.toString('hex'), () => this.#reach(nodeId, msat, until))
  }

  /** Waits until a channel to the node is usable, if there is one at all. */
  async awake(nodeId: Buffer, timeoutMs: number): Promise<void> {
    const ready = (): boolean => {
      const channels = this.#list(nodeId)
      return !channels.length || channels.some(({ usable }) => usable)
    }
    await this.#node.until(ready, timeoutMs)
  }

  /** A payer without a channel opens one; with one it must be able to carry the amount. */
  canReceive(from: Buffer, msat: bigint): boolean {
    const channels = this.#list(from)
    return channels.length === 0 || channels.reduce((sum, { inboundMsat }) => sum + inboundMsat, 0n) >= msat
  }

  /** True while any channel with the node is open. */
  has(nodeId: Buffer): boolean {
    return this.#list(nodeId).length > 0
  }

  /**
   * A node connects. Should it not know its channels any more, they close before anything else is said on them, and what
   * was claimed over them must be credited, too.
   */
  met(nodeId: Buffer): void {
    for (const details of this.#node.engine.manager.list_channels_with_counterparty(nodeId)) {
      const msat = this.#claimedOver(details)
      const id = String(details.get_user_channel_id())
      free(details, 'ChannelDetails')
      if (msat > 0n) this.#claimed.set(id, msat)
      else this.#claimed.delete(id)
    }
    if (this.#claimed.size > 0) void this.#forget(nodeId)
  }

  /** Once a channel has been taken up again, LDK brings what was claimed over it into its balance. */
  async #forget(nodeId: Buffer): Promise<void> {
    const taken = (): boolean => this.#list(nodeId).every(({ usable }) => usable)
    if (!(await this.#node.until(taken, TAKEN_UP_MS))) return
    for (const { id } of this.#list(nodeId)) this.#claimed.delete(id)
  }

  /** Of what stands on a channel to be taken off it: what is ours, because we claimed it, msat. */
  #claimedOver(details: ldk.ChannelDetails): bigint {
    let msat = 0n
    for (const htlc of details.get_pending_inbound_htlcs()) {
      if (this.#node.store.invoices.get(hex(htlc.get_payment_hash()))?.status === 'settled')
        msat += htlc.get_amount_msat()
      free(htlc, 'InboundHTLCDetails')
    }
    return msat
  }

  /**
   * Gives up all channels with a node, because this wallet is an older copy of itself: what is known of them is out of
   * date. Nothing is broadcast. Our last known balance comes back to the grant (when LDK says that it is closed), and
   * with it `deltaMsat`, what both have signed that was paid since. The same id counts once.
   */
  abandon(nodeId: Buffer, id: string, deltaMsat: bigint): void {
    const { store, engine } = this.#node
    if (store.abandoned.get(id)) return
    const { manager } = engine
    let owedMsat = 0n
    for (const details of manager.list_channels_with_counterparty(nodeId)) {
      const channel = details.get_channel_id()
      // LDK counts as ours what was paid and is not taken off the channel yet.
      for (const htlc of details.get_pending_outbound_htlcs()) {
        if (store.payments.get(hex(htlc.get_payment_hash()))?.status === 'succeeded')
          owedMsat += htlc.get_amount_msat()
        free(htlc, 'OutboundHTLCDetails')
      }
      owedMsat -= this.#claimedOver(details)
      manager.force_close_without_broadcasting_txn(channel, nodeId, 'restored from an older copy')
      free(details, 'ChannelDetails')
    }
    store.abandoned.set(id, { peer: nodeId, deltaMsat })
    store.grantMsat = most(store.grantMsat + deltaMsat - owedMsat, 0n)
    this.#node.kick()
  }

  /** True when the event was one of these. */
  handle(event: ldk.Event): boolean {
    if (event instanceof ldk.Event_OpenChannelRequest) this.#accept(event)
    else if (event instanceof ldk.Event_FundingGenerationReady) this.#fund(event)
    else if (event instanceof ldk.Event_ChannelPending) this.#funded(event.user_channel_id)
    else if (event instanceof ldk.Event_ChannelReady) this.#funded(event.user_channel_id)
    else if (event instanceof ldk.Event_ChannelClosed) this.#onclosed(event)
    else return false
    return true
  }

  /**
   * Gives back what was taken for channels that LDK does not know any more: those whose opening a crash has cut off
   * before they were funded. To be called after the first beat.
   */
  reconcile(): void {
    const known = new Set(this.#list().map(({ id }) => id))
    const { store } = this.#node
    for (const [id, record] of [...store.channels.entries()]) {
      if (known.has(id) || record.funded) continue
      store.grantMsat += record.debitMsat
      store.channels.delete(id)
    }
    this.#node.kick()
  }

  async #reach(nodeId: Buffer, msat: bigint, until: number): Promise<void> {
    const key = nodeId.toString('hex')
    const left = (): number => Math.max(0, until - performance.now())
    this.#demandFunds(nodeId, msat)
    if (!(await this.#node.until(() => this.#transport.connected(nodeId), left()))) {
      throw noRoute(nodeId, 'it is not connected')
    }
    if (this.#carries(nodeId, msat)) return
    // Channels that are being taken up again after a disconnection, or opened, may do.
    const settled = (): boolean =>
      this.#carries(nodeId, msat) || this.#list(nodeId).every(({ usable }) => usable)
    if (!(await this.#node.until(settled, left()))) throw noRoute(nodeId, 'its channel is not usable yet')
    if (this.#carries(nodeId, msat)) return
    this.#refusals.delete(key)
    if (!this.#open(nodeId, msat)) return
    const opened = (): boolean => this.#carries(nodeId, msat) || this.#refusals.has(key)
    const ended = await this.#node.until(opened, left())
    if (ended && !this.#refusals.has(key)) return
    throw noRoute(nodeId, this.#refusals.get(key) ?? 'the channel was not opened in time')
  }

  #carries(nodeId: Buffer, msat: bigint): boolean {
    return this.#usableLimit(nodeId) >= msat + SPARE_MSAT
  }

  #usableLimit(nodeId: Buffer): bigint {
    return this.#list(nodeId).reduce((sum, { usable, limitMsat }) => (usable ? sum + limitMsat : sum), 0n)
  }

  /** Throws when neither the channels to the peer, as they stand, nor the grant can be enough. */
  #demandFunds(nodeId: Buffer, msat: bigint): void {
    const { grantMsat } = this.#node.store
    const open = this.#list(nodeId).reduce((sum, { outboundMsat }) => sum + outboundMsat, 0n)
    if (open < msat && channelValueSat(msat, grantMsat) === null) throw noBalance(msat, grantMsat, open)
  }

  /** Opens a channel that can carry the amount. False when the last of the existing ones has to do. */
  #open(nodeId: Buffer, msat: bigint): boolean {
    const { store, engine } = this.#node
    const valueSat = channelValueSat(msat, store.grantMsat)
    if (valueSat === null) {
      if (this.#usableLimit(nodeId) >= msat) return false
      throw noBalance(msat, store.grantMsat, this.#usableLimit(nodeId))
    }
    const push = pushSat(valueSat) * 1000n
    const id = newChannelId()
    const made = engine.manager.create_channel(nodeId, valueSat, push, id, null, null)
    if (made instanceof ldk.Result_ChannelIdAPIErrorZ_Err) throw noRoute(nodeId, apiErrorText(made.err))
    const valueMsat = valueSat * 1000n
    store.channels.set(String(id), { peer: nodeId, valueMsat, debitMsat: valueMsat, funded: false })
    store.grantMsat -= valueMsat
    this.#node.kick()
    return true
  }

  #accept(event: ldk.Event_OpenChannelRequest): void {
    const { manager } = this.#node.engine
    const { temporary_channel_id: temporary, counterparty_node_id: peer, funding_satoshis: sats } = event
    const { channels } = this.#node.store
    const key = hex(peer)
    const theirs = [...channels.entries()].filter(([, c]) => c.debitMsat === 0n && hex(c.peer) === key).length
    if (theirs >= MAX_INBOUND_PER_PEER) {
      manager.force_close_without_broadcasting_txn(temporary, peer, 'too many channels')
      return
    }
    const id = newChannelId()
    const accepted = manager.accept_inbound_channel_from_trusted_peer_0conf(temporary, peer, id)
    if (!accepted.is_ok()) return // the peer is gone again, or asked for what LDK does not do; it has been told
    channels.set(String(id), {
      peer: Buffer.from(peer),
      valueMsat: sats * 1000n,
      debitMsat: 0n,
      funded: false
    })
  }

  #fund(event: ldk.Event_FundingGenerationReady): void {
    const transaction = fundingTransaction(event.output_script, event.channel_value_satoshis)
    const { temporary_channel_id: temporary, counterparty_node_id: peer } = event
    const { manager } = this.#node.engine
    // When the channel is gone in the meantime, ChannelClosed says so and the grant is credited there.
    manager.funding_transaction_generated(temporary, peer, transaction)
  }

  #funded(userChannelId: bigint): void {
    const { channels } = this.#node.store
    const record = channels.get(String(userChannelId))
    if (record && !record.funded) channels.set(String(userChannelId), { ...record, funded: true })
  }

  #onclosed(event: ldk.Event_ChannelClosed): void {
    const { store } = this.#node
    const id = String(event.user_channel_id)
    const record = store.channels.get(id)
    if (!record) return
    const ours = (someU64(event.last_local_balance_msat) ?? 0n) + (this.#claimed.get(id) ?? 0n)
    this.#claimed.delete(id)
    store.grantMsat += record.funded ? ours : record.debitMsat
    store.channels.delete(id)
    if (!record.funded) this.#refusals.set(record.peer.toString('hex'), closureText(event.reason))
  }

  #list(peer?: Buffer): ChannelView[] {
    const { manager } = this.#node.engine
    const details = peer ? manager.list_channels_with_counterparty(peer) : manager.list_channels()
    return details.map(channel => {
      const view = {
        id: String(channel.get_user_channel_id()),
        usable: channel.get_is_usable(),
        outboundMsat: channel.get_outbound_capacity_msat(),
        inboundMsat: channel.get_inbound_capacity_msat(),
        limitMsat: channel.get_next_outbound_htlc_limit_msat()
      }
      free(channel, 'ChannelDetails')
      return view
    })
  }
}

/** Random; the same read from either end, as the bindings give the bytes back in reverse; and under 124 bits for them. */
function newChannelId(): bigint {
  const half = randomBytes(8)
  half.writeUInt8(half.readUInt8(0) & 0x0f, 0)
  return BigInt('0x' + Buffer.concat([half, Buffer.from(half).reverse()]).toString('hex'))
}

function closureText(reason: ldk.ClosureReason): string {
  if (reason instanceof ldk.ClosureReason_CounterpartyForceClosed) return 'it refused the channel'
  if (reason instanceof ldk.ClosureReason_DisconnectedPeer) return 'it disconnected'
  return reason.constructor.name.replace(/^ClosureReason_/, '')
}

function noRoute(nodeId: Buffer, reason: string): BushelError {
  return new BushelError(
    'NO_ROUTE',
    `the Lightning node ${nodeId.toString('hex')} cannot be paid: ${reason}; nothing was paid`,
    'try again when the other side is online'
  )
}

function noBalance(msat: bigint, grantMsat: bigint, openMsat: bigint): BushelError {
  const sat = (amount: bigint): string => `${(amount + 999n) / 1000n} sat`
  return new BushelError(
    'NO_BALANCE',
    `too little balance: ${sat(msat)} are needed, ${openMsat / 1000n} sat can be sent to this node and ` +
      `${grantMsat / 1000n} sat are left to open a channel with (which takes more than it can carry); nothing was paid`,
    'look at `bushel wallet`'
  )
}
