import { EventEmitter, once } from 'node:events'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import type { BookHead, SignedHead } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { PROTOCOL } from '../../../src/book/peers/channel.js'
import type { Market } from '../../../src/book/market.js'

/** What a rogue relay answers to an order: a verdict, or nothing for ever. */
export type Word = { code: string; reason: string } | 'silence'

export const OK: Word = { code: 'OK', reason: '' }
export const REPEATED: Word = { code: 'REPEATED', reason: 'the order is on the book already' }
export const FULL: Word = { code: 'FULL', reason: 'the market is full: it holds 10 orders' }

export interface Rogue {
  device: { publicKey: Buffer; secretKey: Buffer }
  /** What it answers to orders. */
  word: Word
  /** The heads that it claims. */
  heads: BookHead[]
  /** True: it answers no request for them. */
  isSilent: boolean
  /** The head of the view in its hello. */
  head?: SignedHead | null
}

/**
 * A device on bare protomux that says that it is a node of a market, and has nothing of it. A founder that admits it makes
 * it a relay. Events: `submit` (record) and `heads` at each such request.
 */
export class RogueRelay extends EventEmitter {
  readonly rogue: Rogue
  readonly #market: Buffer
  readonly #writer = crypto.keyPair().publicKey
  /** Number of orders that were handed to it. */
  submissions = 0

  constructor(market: Buffer, rogue: Partial<Rogue> = {}) {
    super()
    this.#market = market
    // The first block of the founder: everybody has it.
    const heads = [{ key: market, length: 1 }]
    this.rogue = { device: crypto.keyPair(), word: OK, heads, isSilent: false, ...rogue }
  }

  /** Has the founder admit it over this connection. */
  async admitted(stream: NoiseStream, founder: Market): Promise<void> {
    await this.speak(stream)
    await founder.admit(this.rogue.device.publicKey)
    stream.destroy()
    await once(stream, 'close')
  }

  /** Opens the market's channel; resolves when both have read the other's hello. */
  async speak(stream: NoiseStream): Promise<ProtomuxRPC> {
    const { head = null } = this.rogue
    const rpc = new ProtomuxRPC(stream, {
      protocol: PROTOCOL,
      id: crypto.discoveryKey(this.#market),
      handshake: encode('book-hello', { version: 1, writer: this.#writer, head })
    })
    const nothing = (): Promise<null> => Promise.resolve(null)
    rpc.respond('said', nothing)
    rpc.respond('signed', nothing)
    rpc.respond('view', nothing)
    rpc.respond('submit', value => this.#onsubmit(value))
    rpc.respond('heads', () => {
      this.emit('heads')
      if (this.rogue.isSilent) return new Promise(() => undefined)
      return Promise.resolve(encode('book-heads', { heads: this.rogue.heads }))
    })
    await once(rpc, 'open')
    await rpc.request('heads', null) // answered after the hello was read
    return rpc
  }

  async #onsubmit(value: Buffer | null): Promise<Buffer> {
    this.submissions++
    this.emit('submit', decode('order-submission', value!, 10_000).orders[0])
    const { word } = this.rogue
    if (word === 'silence') return await new Promise(() => undefined)
    return encode('order-verdicts', { verdicts: [word] })
  }
}
