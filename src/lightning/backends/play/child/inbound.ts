import * as ldk from '#ldk'
import { BOUNDS } from '../../../../base/bounds/bounds.js'
import type { UnusedChannels } from '../messages.js'
import type { ChannelRecord } from '../log/records.js'
import { pushSat } from '../sizing.js'
import { newChannelId } from './channel-id.js'
import { copyOf, idleChannels } from './idle-channels.js'
import { hex, present } from './ldk.js'
import type { PlayNode } from './node.js'
import type { Transport } from './transport.js'

/** Why a channel is refused or closed, as the other node reads it. */
export const REFUSALS = {
  stranger: 'no agreement with that node is open, and no invoice for anyone',
  tooMany: 'that node has too many channels there already',
  gift: 'more money would be pushed than the channel needs',
  unused: 'nothing was paid over it',
  needed: 'its funds are needed for another channel'
} as const

export interface InboundOptions {
  node: PlayNode
  transport: Transport
  /** Asks whether a device may open a channel; `answer` is called with this id. */
  ask(id: number, device: Buffer | null): void
  /** Whether an invoice is open that anybody may pay. */
  awaitsAnyone(): boolean
  /** Most unused channels; by default as in `BOUNDS`. */
  most?: number
}

interface OpeningRequest {
  temporary: ldk.ChannelId
  peer: Buffer
  /** Null: not known. */
  device: Buffer | null
  valueMsat: bigint
}

interface UnusedChannel {
  id: string
  channel: ldk.ChannelId
  peer: Uint8Array
  device: Buffer | null
  at: number
}

/**
 * The channels that other nodes open to this one. They cost their opener nothing, so one is accepted only when a payment is
 * expected over it, and is closed when none comes.
 */
export class InboundChannels {
  readonly #options: InboundOptions
  /** Requests that wait for an answer. LDK has a few of each node at most. */
  readonly #requests = new Map<number, OpeningRequest>()
  readonly #closing = new Set<string>()
  #asked = 0

  constructor(options: InboundOptions) {
    this.#options = options
  }

  /** Call with every event, before others handle it. */
  handle(event: ldk.Event): void {
    if (event instanceof ldk.Event_OpenChannelRequest) this.#onrequest(event)
    else if (event instanceof ldk.Event_PaymentClaimed) this.#onpaid(event)
    else if (event instanceof ldk.Event_ChannelClosed) this.#onclosed(event)
  }

  /** Whether the device of a request may open the channel. */
  answer(id: number, allowed: boolean): void {
    const request = this.#requests.get(id)
    if (!request) return
    this.#requests.delete(id)
    if (allowed) this.#accept(request)
    else this.#close(request.temporary, request.peer, REFUSALS.stranger)
    this.#options.node.requestCycle()
  }

  unused(): UnusedChannels {
    const devices = new Map<string, Buffer>()
    let count = 0
    for (const { unused } of this.#records()) {
      if (!unused) continue
      count++
      if (unused.device) devices.set(hex(unused.device), unused.device)
    }
    return { count, devices: [...devices.values()] }
  }

  /** Closes the unused channels of these devices, unless anybody may still pay. */
  closeUnused(devices: readonly Buffer[]): void {
    if (this.#options.awaitsAnyone()) return
    const keys = new Set(devices.map(hex))
    for (const channel of this.#closable())
      if (channel.device && keys.has(hex(channel.device))) this.#closeUnused(channel)
    this.#options.node.requestCycle()
  }

  #onrequest(event: ldk.Event_OpenChannelRequest): void {
    const { transport, ask, awaitsAnyone } = this.#options
    const { channel_negotiation_type: funds, funding_satoshis: sats } = event
    const peer = Buffer.from(event.counterparty_node_id)
    const temporary = copyOf(event.temporary_channel_id)
    const pushed = funds instanceof ldk.InboundChannelFunds_PushMsat ? funds.push_msat : 0n
    if (pushed > pushSat(sats) * 1000n) return this.#close(temporary, peer, REFUSALS.gift)
    const request = { temporary, peer, device: transport.deviceOf(peer), valueMsat: sats * 1000n }
    if (awaitsAnyone()) return this.#accept(request)
    const id = ++this.#asked
    this.#requests.set(id, request)
    ask(id, request.device)
  }

  #accept({ temporary, peer, device, valueMsat }: OpeningRequest): void {
    const { manager } = this.#options.node.engine
    if (this.#of(peer, device) >= BOUNDS.unusedChannels.peer) {
      this.#close(temporary, peer, REFUSALS.tooMany)
      return
    }
    this.#makeRoom()
    const id = newChannelId()
    const accepted = manager.accept_inbound_channel_from_trusted_peer_0conf(temporary, peer, id)
    if (!accepted.is_ok()) return // the peer has disconnected, or LDK refused its parameters and answered it
    const unused = { device, at: Date.now() }
    this.#options.node.store.channels.set(String(id), {
      ...{ peer, valueMsat, unused },
      debitMsat: 0n,
      funded: false
    })
  }

  /** How many channels a node, or its device, has opened to this one; also those that were used. */
  #of(peer: Buffer, device: Buffer | null): number {
    const isTheirs = ({ peer: opener, debitMsat, unused }: ChannelRecord): boolean =>
      debitMsat === 0n &&
      (peer.equals(opener) || (device !== null && unused?.device?.equals(device) === true))
    return [...this.#records()].filter(isTheirs).length
  }

  /** Closes the oldest unused channels until there is room for one more. */
  #makeRoom(): void {
    const { most = BOUNDS.unusedChannels.all } = this.#options
    const excess = this.unused().count + 1 - most
    if (excess <= 0) return
    const oldest = this.#closable().sort((a, b) => a.at - b.at)
    for (const channel of oldest.slice(0, excess)) this.#closeUnused(channel)
  }

  /** The records of channels that are not being closed. */
  *#records(): Generator<ChannelRecord> {
    for (const [id, record] of this.#options.node.store.channels.entries())
      if (!this.#closing.has(id)) yield record
  }

  /** The unused channels in which no payment is under way. */
  #closable(): UnusedChannel[] {
    const { engine, store } = this.#options.node
    return idleChannels(engine.manager).flatMap(({ id, channel }) => {
      const record = store.channels.get(id)
      return record?.unused && !this.#closing.has(id)
        ? [{ id, channel, peer: record.peer, ...record.unused }]
        : []
    })
  }

  #closeUnused({ id, channel, peer }: UnusedChannel): void {
    this.#closing.add(id)
    this.#close(channel, peer, REFUSALS.unused)
  }

  #close(channel: ldk.ChannelId, peer: Uint8Array, why: string): void {
    this.#options.node.engine.manager.force_close_without_broadcasting_txn(channel, peer, why)
  }

  #onpaid({ htlcs }: ldk.Event_PaymentClaimed): void {
    const { store } = this.#options.node
    for (const htlc of htlcs) store.channelUsed(String(htlc.get_user_channel_id()))
  }

  #onclosed({ user_channel_id, channel_funding_txo: outpoint }: ldk.Event_ChannelClosed): void {
    const { store, engine } = this.#options.node
    const id = String(user_channel_id)
    this.#closing.delete(id)
    if (store.channels.get(id)?.unused && present(outpoint)) engine.forgetMonitor(outpoint)
  }
}
