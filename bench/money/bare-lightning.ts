import { createHash, randomBytes } from 'node:crypto'
import * as ldk from '#ldk'
import c from 'compact-encoding'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { Message } from 'protomux'
import { Channels } from '../../src/lightning/backends/play/child/channels.js'
import { createWalletDir, openState } from '../../src/lightning/backends/play/log/disk.js'
import { InboundChannels } from '../../src/lightning/backends/play/child/inbound.js'
import { free, loadLdk } from '../../src/lightning/backends/play/child/ldk.js'
import type { FromChild } from '../../src/lightning/backends/play/messages.js'
import { PLAY_GRANT_MSAT } from '../../src/lightning/backends/play/network.js'
import { NODE_ID_BYTES } from '../../contracts/keys/node-id.js'
import { PlayNode } from '../../src/lightning/backends/play/child/node.js'
import { Store } from '../../src/lightning/backends/play/log/store.js'
import { Transport } from '../../src/lightning/backends/play/child/transport.js'

const PROTOCOL = 'bushel-bench/lightning'
const CONNECTION = 1
const EXPIRY_S = 3600

/**
 * LDK called directly in this process: invoices, sends and claims, with the commit log and the syncs of the play wallet,
 * but without its records, its child process and the layers above.
 */
export class BareLightning {
  readonly #node: PlayNode
  readonly #transport: Transport
  readonly #channels: Channels
  readonly #inbound: InboundChannels
  readonly #preimages = new Map<string, Buffer>()
  readonly #paying = new Map<string, (paid: boolean) => void>()
  #wire: Message<Buffer> | null = null

  static async open(dir: string): Promise<BareLightning> {
    await loadLdk()
    createWalletDir(dir, PLAY_GRANT_MSAT)
    return new BareLightning(dir)
  }

  private constructor(dir: string) {
    const { seed, log } = openState(dir)
    this.#node = new PlayNode(seed, new Store(log), {
      read: () => this.#transport.read(),
      handle: event => this.#handle(event),
      release: () => this.#transport.flush(),
      broken: error => {
        throw error
      }
    })
    this.#transport = new Transport(
      this.#node.engine,
      message => this.#send(message),
      () => this.#node.requestCycle()
    )
    this.#channels = new Channels(this.#node, this.#transport)
    this.#inbound = new InboundChannels({
      node: this.#node,
      transport: this.#transport,
      ask: () => undefined,
      awaitsAnyone: () => true
    })
  }

  get nodeId(): Buffer {
    return this.#node.engine.nodeId
  }

  /** Runs Lightning with the node at the other end of a connection. */
  link(stream: NoiseStream, known: Buffer | null): void {
    const nodeId = known ?? Buffer.alloc(NODE_ID_BYTES)
    const channel = Protomux.from(stream).createChannel({ protocol: PROTOCOL })!
    this.#wire = channel.addMessage<Buffer>({
      encoding: c.raw,
      onmessage: bytes => this.#transport.receive(CONNECTION, Buffer.from(bytes))
    })
    channel.open()
    const { isInitiator: outbound } = stream
    this.#transport.attach({ type: 'attach', conn: CONNECTION, nodeId, outbound, owner: null })
  }

  reach(nodeId: Buffer, msat: bigint, timeoutMs: number): Promise<void> {
    return this.#channels.reach(nodeId, msat, timeoutMs)
  }

  issue(msat: bigint, description: string): string {
    const preimage = randomBytes(32)
    const hash = createHash('sha256').update(preimage).digest()
    const made = ldk.UtilMethods.constructor_create_invoice_from_channelmanager_with_payment_hash(
      this.#node.engine.manager,
      ldk.Option_u64Z.constructor_some(msat),
      description,
      EXPIRY_S,
      hash,
      ldk.Option_u16Z.constructor_none()
    )
    if (!(made instanceof ldk.Result_Bolt11InvoiceSignOrCreationErrorZ_OK)) throw new Error('no invoice')
    this.#preimages.set(hash.toString('hex'), preimage)
    const text = made.res.to_str()
    free(made.res, 'Bolt11Invoice')
    return text
  }

  /** Resolves when the payment has succeeded and that is on disk. */
  pay(invoice: string): Promise<void> {
    const read = ldk.Bolt11Invoice.constructor_from_str(invoice)
    if (!(read instanceof ldk.Result_Bolt11InvoiceParseOrSemanticErrorZ_OK)) throw new Error('no invoice')
    const prepared = ldk.UtilMethods.constructor_payment_parameters_from_invoice(read.res)
    if (!(prepared instanceof ldk.Result_C3Tuple_ThirtyTwoBytesRecipientOnionFieldsRouteParametersZNoneZ_OK))
      throw new Error('the invoice names no amount')
    const hash = read.res.payment_hash()
    free(read.res, 'Bolt11Invoice')
    const { manager } = this.#node.engine
    const retry = ldk.Retry.constructor_attempts(3)
    const sent = manager.send_payment(hash, prepared.res.get_b(), hash, prepared.res.get_c(), retry)
    if (!sent.is_ok()) throw new Error('the payment was not sent')
    this.#node.requestCycle()
    return new Promise((resolve, reject) => {
      this.#paying.set(Buffer.from(hash).toString('hex'), paid =>
        paid ? resolve() : reject(new Error('the payment failed'))
      )
    })
  }

  #send(message: FromChild): void {
    if (message.type !== 'data') return
    this.#wire!.send(message.bytes)
    this.#transport.acked(CONNECTION, message.bytes.length)
  }

  #handle(event: ldk.Event): void {
    const { engine } = this.#node
    this.#inbound.handle(event)
    if (event instanceof ldk.Event_PaymentClaimable) {
      engine.manager.claim_funds(this.#preimages.get(Buffer.from(event.payment_hash).toString('hex'))!)
      this.#node.requestCycle()
    } else if (event instanceof ldk.Event_PendingHTLCsForwardable) this.#node.forwardsWaiting = true
    else if (event instanceof ldk.Event_PaymentSent) this.#ended(event.payment_hash, true)
    else if (event instanceof ldk.Event_PaymentFailed) this.#ended(event.payment_id, false)
    else this.#channels.handle(event)
  }

  #ended(hash: Uint8Array, paid: boolean): void {
    const key = Buffer.from(hash).toString('hex')
    const done = this.#paying.get(key)
    this.#paying.delete(key)
    this.#node.afterCommit(() => done?.(paid))
  }
}
