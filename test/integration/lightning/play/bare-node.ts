import fs from 'node:fs'
import { Duplex } from 'node:stream'
import * as ldk from '#ldk'
import { fundingTransaction } from '../../../../src/lightning/backends/play/child/chain.js'
import { Channels } from '../../../../src/lightning/backends/play/child/channels.js'
import { newChannelId } from '../../../../src/lightning/backends/play/child/channel-id.js'
import { InboundChannels } from '../../../../src/lightning/backends/play/child/inbound.js'
import type { InboundOptions } from '../../../../src/lightning/backends/play/child/inbound.js'
import { loadLdk } from '../../../../src/lightning/backends/play/child/ldk.js'
import { LdkPayments } from '../../../../src/lightning/backends/play/child/payments.js'
import { PlayNode } from '../../../../src/lightning/backends/play/child/node.js'
import { Transport } from '../../../../src/lightning/backends/play/child/transport.js'
import { createWalletDir, openState } from '../../../../src/lightning/backends/play/log/disk.js'
import { Store } from '../../../../src/lightning/backends/play/log/store.js'
import type { FromChild } from '../../../../src/lightning/backends/play/messages.js'

/** How the opening of a channel ended: it can be used, or why it was refused. */
export type Opened = 'ready' | string

let loading: Promise<void> | null = null

/** Once: a second module would not know the objects of the first. */
async function load(): Promise<void> {
  const { log } = console
  await loadLdk()
  console.log = log
}

/**
 * LDK in the process of the test, without a wallet: it opens any channels it likes, accepts by `InboundChannels`, and is paid.
 */
export class BareNode {
  readonly node: PlayNode
  readonly inbound: InboundChannels
  readonly payments: LdkPayments
  /** Reasons of the channels that were closed. */
  readonly closed: string[] = []
  readonly #transport: Transport
  readonly #streams = new Map<number, Duplex>()
  readonly #openings = new Map<string, (outcome: Opened) => void>()

  private constructor(dir: string, accepting: Partial<InboundOptions>) {
    createWalletDir(dir, 0n)
    const { seed, log } = openState(dir)
    this.node = new PlayNode(seed, new Store(log), {
      read: () => this.#transport.read(),
      handle: event => this.#handle(event),
      release: () => this.#transport.flush(),
      broken: error => {
        throw error
      }
    })
    this.#transport = new Transport(
      this.node.engine,
      message => this.#send(message),
      () => this.node.requestCycle()
    )
    this.payments = new LdkPayments(this.node, new Channels(this.node, this.#transport), () => undefined)
    this.inbound = new InboundChannels({
      node: this.node,
      transport: this.#transport,
      ask: id => this.inbound.answer(id, true),
      awaitsAnyone: () => false,
      ...accepting
    })
  }

  static async open(dir: string, accepting: Partial<InboundOptions> = {}): Promise<BareNode> {
    await (loading ??= load())
    fs.mkdirSync(dir, { recursive: true })
    return new BareNode(dir, accepting)
  }

  close(): void {
    this.node.stop()
    this.node.store.close()
    for (const stream of this.#streams.values()) stream.destroy()
  }

  /** Speaks Lightning over a stream; resolves once both nodes know each other. */
  async join(stream: Duplex, nodeId: Buffer, outbound: boolean, owner: Buffer | null = null): Promise<void> {
    const conn = this.#streams.size + 1
    this.#streams.set(conn, stream)
    stream.on('data', (bytes: Buffer) => this.#transport.receive(conn, bytes))
    this.#transport.attach({ type: 'attach', conn, nodeId, outbound, owner })
    await this.node.until(() => this.#transport.connected(nodeId), 10_000)
  }

  /** Opens a channel; with `push` that share of it, in percent, belongs to the other node from the start. */
  channel(to: Buffer, { sats = 200_000n, push = 2n } = {}): Promise<Opened> {
    const { manager } = this.node.engine
    const userId = newChannelId()
    const opened = new Promise<Opened>(resolve => this.#openings.set(String(userId), resolve))
    manager.create_channel(to, sats, sats * 10n * push, userId, null, null)
    this.node.requestCycle()
    return opened
  }

  get channels(): number {
    return this.node.engine.manager.list_channels().length
  }

  #handle(event: ldk.Event): void {
    this.inbound.handle(event)
    if (this.payments.handle(event)) return
    const { manager } = this.node.engine
    if (event instanceof ldk.Event_FundingGenerationReady) {
      const transaction = fundingTransaction(event.output_script, event.channel_value_satoshis)
      manager.funding_transaction_generated(
        event.temporary_channel_id,
        event.counterparty_node_id,
        transaction
      )
    } else if (event instanceof ldk.Event_ChannelReady) this.#ended(event.user_channel_id, 'ready')
    else if (event instanceof ldk.Event_ChannelClosed) {
      const { reason } = event
      const words =
        reason instanceof ldk.ClosureReason_CounterpartyForceClosed
          ? reason.peer_msg.get_a()
          : reason.constructor.name
      this.closed.push(words)
      this.#ended(event.user_channel_id, words)
      this.node.store.channels.delete(String(event.user_channel_id))
    }
  }

  #ended(id: bigint, outcome: Opened): void {
    this.#openings.get(String(id))?.(outcome)
    this.#openings.delete(String(id))
  }

  #send(message: FromChild): void {
    if (message.type !== 'data') return
    const { conn, bytes } = message
    this.#streams.get(conn)?.write(bytes, () => this.#transport.acked(conn, bytes.length))
  }
}

/** A stream with two ends in one process. */
export function streamPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read: () => undefined,
      write: (bytes: Buffer, _encoding, done) => {
        other().push(bytes)
        done()
      },
      destroy: (_error, done) => {
        if (!other().destroyed) other().destroy()
        done(null)
      }
    })
  const near: Duplex = make(() => far)
  const far: Duplex = make(() => near)
  return [near, far]
}
