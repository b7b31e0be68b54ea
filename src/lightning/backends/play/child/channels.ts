import * as ldk from '#ldk'
import { BushelError } from '../../../../../contracts/errors/error.js'
import { formatAmount, most } from '../../../../../contracts/money/money.js'
import { KeyedMutex } from '../../../../base/mutex.js'
import { byPeer } from '../../../liquidity.js'
import type { Liquidity } from '../../../liquidity.js'
import type { Balance } from '../../../wallet.js'
import { fundingTransaction } from './chain.js'
import { newChannelId } from './channel-id.js'
import { copyOf } from './idle-channels.js'
import { REFUSALS } from './inbound.js'
import { apiErrorText, free, hex, present, someU64 } from './ldk.js'
import { PLAY_NETWORK } from '../network.js'
import type { PlayNode } from './node.js'
import { SPARE_MSAT, channelValueSat, newChannelMsat, pushSat } from '../sizing.js'
import type { Transport } from './transport.js'

/** Longest wait for the channels of a connected peer to be re-established, ms. */
const REESTABLISH_MS = 60_000

/** Values copied from LDK's channel object, so that the object can be freed at once. */
interface ChannelView {
  id: string
  peer: Buffer
  usable: boolean
  outboundMsat: bigint
  inboundMsat: bigint
  /** Largest single payment now, after reserve and fees. */
  limitMsat: bigint
}

/** Opens channels from the grant, and computes the balance. */
export class Channels {
  readonly #node: PlayNode
  readonly #transport: Transport
  readonly #mutex = new KeyedMutex()
  /** Why the last channel to each peer could not be opened, for the error of `reach`. */
  readonly #refusals = new Map<string, string>()
  /** By channel: claimed and not in its balance yet, msat, when its peer last connected. */
  readonly #claimed = new Map<string, bigint>()
  /** Channels that are being closed because their funds are needed elsewhere. */
  readonly #given = new Map<string, bigint>()

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

  liquidity(): Liquidity {
    const channels = this.#list().map(({ limitMsat, inboundMsat, ...channel }) => ({
      ...channel,
      spendableMsat: limitMsat,
      receivableMsat: inboundMsat
    }))
    const peers = byPeer(channels)
    const newMsat = newChannelMsat(this.#node.store.grantMsat)
    return { peers, newChannelMsat: newMsat, largestMsat: most(newMsat, peers[0]?.spendableMsat ?? 0n) }
  }

  /** As in `Wallet`. Calls for the same peer run one after the other, so that only one opens a channel. */
  reach(nodeId: Buffer, msat: bigint, timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs
    return this.#mutex.run(nodeId.toString('hex'), () => this.#reach(nodeId, msat, until))
  }

  /** Waits until a channel with the node is usable; returns at once when there is no channel. */
  async untilUsable(nodeId: Buffer, timeoutMs: number): Promise<void> {
    const ready = (): boolean => {
      const channels = this.#list(nodeId)
      return !channels.length || channels.some(({ usable }) => usable)
    }
    await this.#node.until(ready, timeoutMs)
  }

  /** True when the payer has no channel yet (it opens one) or its channels can carry the amount. */
  canReceive(from: Buffer, msat: bigint): boolean {
    const channels = this.#list(from)
    return channels.length === 0 || channels.reduce((sum, { inboundMsat }) => sum + inboundMsat, 0n) >= msat
  }

  /** Whether any channel with the node exists. */
  has(nodeId: Buffer): boolean {
    return this.#list(nodeId).length > 0
  }

  /** Call before a payment to a node, which may go over any of its channels: none of them counts as unused any more. */
  using(payee: Buffer): void {
    const { store } = this.#node
    for (const [id, { peer }] of [...store.channels.entries()]) if (peer.equals(payee)) store.channelUsed(id)
  }

  /**
   * Call before a node connects: records what was claimed over its channels. If the node has forgotten the channels, they
   * close at once, and the claimed amounts must be credited, too.
   */
  beforeConnect(nodeId: Buffer): void {
    for (const details of this.#node.engine.manager.list_channels_with_counterparty(nodeId)) {
      const msat = this.#unsettledClaims(details)
      const id = String(details.get_user_channel_id())
      free(details, 'ChannelDetails')
      if (msat > 0n) this.#claimed.set(id, msat)
      else this.#claimed.delete(id)
    }
    if (this.#claimed.size > 0) void this.#dropClaims(nodeId)
  }

  /** Drops the recorded claims once the channels are re-established: then LDK counts them in the balance. */
  async #dropClaims(nodeId: Buffer): Promise<void> {
    const usable = (): boolean => this.#list(nodeId).every(channel => channel.usable)
    if (!(await this.#node.until(usable, REESTABLISH_MS))) return
    for (const { id } of this.#list(nodeId)) this.#claimed.delete(id)
  }

  /** Inbound HTLCs of a channel that we have claimed and LDK has not settled yet, msat. */
  #unsettledClaims(details: ldk.ChannelDetails): bigint {
    let msat = 0n
    for (const htlc of details.get_pending_inbound_htlcs()) {
      if (this.#node.store.invoices.get(hex(htlc.get_payment_hash()))?.status === 'settled')
        msat += htlc.get_amount_msat()
      free(htlc, 'InboundHTLCDetails')
    }
    return msat
  }

  /**
   * Outbound HTLCs of a channel that the payee has claimed and the channel has not settled: LDK still counts them as ours.
   * `open` are those that the payee has not claimed yet.
   */
  #unsettledPayments(details: ldk.ChannelDetails): { msat: bigint; open: number } {
    let [msat, open] = [0n, 0]
    for (const htlc of details.get_pending_outbound_htlcs()) {
      if (this.#node.store.payments.get(hex(htlc.get_payment_hash()))?.status === 'succeeded')
        msat += htlc.get_amount_msat()
      else open++
      free(htlc, 'OutboundHTLCDetails')
    }
    return { msat, open }
  }

  /**
   * Gives up all channels with a node after this wallet was restored from an older copy: their state is out of date.
   * Broadcasts nothing. Our last known balance returns to the grant (when LDK reports the channel closed), plus
   * `deltaMsat`, the net amount paid since then by the co-signed counters. A repeated id has no effect.
   */
  abandon(nodeId: Buffer, id: string, deltaMsat: bigint): void {
    const { store, engine } = this.#node
    if (store.abandoned.get(id)) return
    const { manager } = engine
    let owedMsat = 0n
    for (const details of manager.list_channels_with_counterparty(nodeId)) {
      const channel = details.get_channel_id()
      owedMsat += this.#unsettledPayments(details).msat - this.#unsettledClaims(details)
      manager.force_close_without_broadcasting_txn(channel, nodeId, 'restored from an older copy')
      free(details, 'ChannelDetails')
    }
    store.abandoned.set(id, { peer: nodeId, deltaMsat })
    store.grantMsat = most(store.grantMsat + deltaMsat - owedMsat, 0n)
    this.#node.requestCycle()
  }

  /** Returns true when it handled the event. */
  handle(event: ldk.Event): boolean {
    if (event instanceof ldk.Event_FundingGenerationReady) this.#fund(event)
    else if (event instanceof ldk.Event_ChannelPending) this.#funded(event.user_channel_id)
    else if (event instanceof ldk.Event_ChannelReady) this.#funded(event.user_channel_id)
    else if (event instanceof ldk.Event_ChannelClosed) this.#onclosed(event)
    else return false
    return true
  }

  /**
   * Credits the grant for channels that LDK does not know: a crash interrupted their opening before funding. Call after
   * the first cycle.
   */
  reconcile(): void {
    const known = new Set(this.#list().map(({ id }) => id))
    const { store } = this.#node
    for (const [id, record] of [...store.channels.entries()]) {
      if (known.has(id) || record.funded) continue
      store.grantMsat += record.debitMsat
      store.channels.delete(id)
    }
    this.#node.requestCycle()
  }

  async #reach(nodeId: Buffer, msat: bigint, until: number): Promise<void> {
    const key = nodeId.toString('hex')
    const left = (): number => Math.max(0, until - performance.now())
    await this.#makeRoom(nodeId, msat, left)
    if (!this.#hasFunds(nodeId, msat)) throw this.#noBalance(nodeId, msat)
    if (!(await this.#node.until(() => this.#transport.connected(nodeId), left()))) {
      throw noRoute(nodeId, 'it is not connected')
    }
    if (this.#carries(nodeId, msat)) return
    // A channel that is being opened or re-established may be enough.
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

  /** False when neither the channels with the peer nor the grant can be enough. */
  #hasFunds(nodeId: Buffer, msat: bigint): boolean {
    return this.#outbound(nodeId) >= msat || channelValueSat(msat, this.#node.store.grantMsat) !== null
  }

  #outbound(nodeId: Buffer): bigint {
    return this.#list(nodeId).reduce((sum, { outboundMsat }) => sum + outboundMsat, 0n)
  }

  /**
   * Closes channels that this node has opened to nodes that are away, the oldest first, until there are funds for the peer.
   * Without it a few nodes that were paid once and are gone would hold the whole grant.
   */
  async #makeRoom(nodeId: Buffer, msat: bigint, left: () => number): Promise<void> {
    if (this.#hasFunds(nodeId, msat)) return
    const { store, engine } = this.#node
    const idle = this.#closable()
    for (const [id] of [...store.channels.entries()]) {
      if (this.#hasFunds(nodeId, msat)) return
      const [found, record] = [idle.get(id), store.channels.get(id)]
      if (!found || !record?.funded || record.debitMsat === 0n || this.#transport.connected(record.peer))
        continue
      this.#given.set(id, found.owedMsat)
      engine.manager.force_close_without_broadcasting_txn(found.channel, record.peer, REFUSALS.needed)
      this.#node.requestCycle()
      await this.#node.until(() => !store.channels.get(id), left())
    }
  }

  /**
   * The channels in which no payment is undecided. A node that goes away right after it has claimed a payment leaves the
   * payment pending in its channel for good.
   */
  #closable(): Map<string, { channel: ldk.ChannelId; owedMsat: bigint }> {
    const found = new Map<string, { channel: ldk.ChannelId; owedMsat: bigint }>()
    for (const details of this.#node.engine.manager.list_channels()) {
      const { msat: owedMsat, open } = this.#unsettledPayments(details)
      const incoming = details.get_pending_inbound_htlcs()
      for (const htlc of incoming) free(htlc, 'InboundHTLCDetails')
      if (!open && !incoming.length)
        found.set(String(details.get_user_channel_id()), {
          channel: copyOf(details.get_channel_id()),
          owedMsat
        })
      free(details, 'ChannelDetails')
    }
    return found
  }

  /** Opens a channel for the amount. Returns false when the existing channels just suffice and the grant does not. */
  #open(nodeId: Buffer, msat: bigint): boolean {
    const { store, engine } = this.#node
    const valueSat = channelValueSat(msat, store.grantMsat, this.#opened(nodeId))
    if (valueSat === null) {
      if (this.#usableLimit(nodeId) >= msat) return false
      throw this.#noBalance(nodeId, msat)
    }
    const push = pushSat(valueSat) * 1000n
    const id = newChannelId()
    const made = engine.manager.create_channel(nodeId, valueSat, push, id, null, null)
    if (made instanceof ldk.Result_ChannelIdAPIErrorZ_Err) throw noRoute(nodeId, apiErrorText(made.err))
    const valueMsat = valueSat * 1000n
    store.channels.set(String(id), { peer: nodeId, valueMsat, debitMsat: valueMsat, funded: false })
    store.grantMsat -= valueMsat
    this.#node.requestCycle()
    return true
  }

  /** Size of the channels that this node has opened to the node, msat. */
  #opened(nodeId: Buffer): bigint {
    let msat = 0n
    for (const [, { peer, debitMsat }] of this.#node.store.channels.entries())
      if (peer.equals(nodeId)) msat += debitMsat
    return msat
  }

  #noBalance(nodeId: Buffer, msat: bigint): BushelError {
    const here = this.#usableLimit(nodeId)
    const { spendableMsat } = this.balance()
    const { newChannelMsat: newMsat } = this.liquidity()
    return noBalance({ msat, here, newMsat, all: spendableMsat })
  }

  #fund(event: ldk.Event_FundingGenerationReady): void {
    const transaction = fundingTransaction(event.output_script, event.channel_value_satoshis)
    const { temporary_channel_id: temporary, counterparty_node_id: peer } = event
    const { manager } = this.#node.engine
    // If the channel is gone by now, the event ChannelClosed credits the grant.
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
    const owedMsat = this.#given.get(id) ?? 0n
    const ours = (someU64(event.last_local_balance_msat) ?? 0n) + (this.#claimed.get(id) ?? 0n) - owedMsat
    this.#claimed.delete(id)
    const outpoint = event.channel_funding_txo
    if (this.#given.delete(id) && present(outpoint)) this.#node.engine.forgetMonitor(outpoint)
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
        peer: peerOf(channel),
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

function closureText(reason: ldk.ClosureReason): string {
  if (reason instanceof ldk.ClosureReason_CounterpartyForceClosed) {
    const words = reason.peer_msg.get_a()
    const known = Object.values(REFUSALS).find(refusal => words.includes(refusal))
    return `it refused the channel${known ? `: ${known}` : ''}`
  }
  if (reason instanceof ldk.ClosureReason_DisconnectedPeer) return 'it disconnected'
  return reason.constructor.name.replace(/^ClosureReason_/, '')
}

function noRoute(nodeId: Buffer, reason: string): BushelError {
  return new BushelError(
    'NO_ROUTE',
    `the Lightning node ${nodeId.toString('hex')} cannot be paid: ${reason}; nothing was paid`,
    'the balance is large enough; try again when that node is online'
  )
}

interface Short {
  msat: bigint
  /** What can be sent to this node, over a new channel, and to all nodes together. */
  here: bigint
  newMsat: bigint
  all: bigint
}

/** Tells a balance that is too small from one that lies in channels with other nodes. */
function noBalance({ msat, here, newMsat, all }: Short): BushelError {
  const [needed, whole] = [formatAmount(msat), formatAmount(all)]
  const which =
    all < msat
      ? `the balance is too small: ${needed} are needed, and ${whole} are all there is`
      : `the balance lies elsewhere: ${needed} are needed; of ${whole} in all, ${formatAmount(here)} can be sent to this node ` +
        `and ${formatAmount(newMsat)} over a new channel`
  return new BushelError(
    'NO_BALANCE',
    `${which}; nothing was paid`,
    'see what can be sent to whom with: bushel wallet'
  )
}

function peerOf(channel: ldk.ChannelDetails): Buffer {
  const counterparty = channel.get_counterparty()
  const peer = Buffer.from(counterparty.get_node_id())
  free(counterparty, 'ChannelCounterparty')
  return peer
}
