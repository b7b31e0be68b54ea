import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import ReadyResource from 'ready-resource'
import type { MarketRules, ViewHead } from '#spec'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey, shortKey } from '../../contracts/keys/key.js'
import type { VerifiedOrder } from '../../contracts/order.js'
import { RefusalBudget } from './budget.js'
import { MarketChannel, VERSION } from './peers/channel.js'
import { SightingBook } from './sightings.js'
import type { Sightings } from './sightings.js'
import { openView } from './view/database.js'
import type { ViewDatabase } from './view/database.js'
import { Listing, readState } from './view/listing.js'
import type { AskQuery, BidQuery } from './view/listing.js'
import { founderOf } from './view/signed-head.js'
import { isVouched } from './view/view-head.js'
import { trustedNow } from '../base/time/trusted-time.js'

export interface LightReaderOptions {
  /** Stores the blocks that are read. Closed with the reader. */
  store: Corestore
  /** An open connection to a relay of the market. */
  stream: NoiseStream
  market: Buffer
  now?: () => number
  timeoutMs?: number
}

const TIMEOUT = 15_000

/** Reads a market without joining it: a relay's signed view head, then the view itself, block by block. */
export class LightReader extends ReadyResource {
  readonly #options: Required<LightReaderOptions>
  #view: ViewDatabase | null = null
  #listing: Listing | null = null
  #rules: MarketRules | null = null
  #channel: MarketChannel | null = null
  readonly #sightings: SightingBook<MarketChannel>
  /** Time of the market's last tick in what is read. */
  tick = 0
  /** Length of the view that its founder has signed and the relay shows. */
  length = 0
  /** True when the relay is the market's founder. */
  isFounders = false
  /** Number of relays of the market, with the founder. */
  relays = 0
  /** Hash of the signed part of the view, in z32; equal to that of a replica in step once everything is signed. */
  viewHash = ''

  constructor(options: LightReaderOptions) {
    super()
    this.#options = { now: trustedNow, timeoutMs: TIMEOUT, ...options }
    this.#sightings = new SightingBook({
      relays: () => (this.#channel ? [this.#channel] : []),
      own: () => null,
      now: this.#options.now
    })
  }

  get rules(): MarketRules {
    return this.#rules!
  }

  get name(): string {
    return this.rules.name
  }

  protected override async _open(): Promise<void> {
    const { store, stream, market, now, timeoutMs } = this.#options
    const head = await this.#askHead()
    const core = store.get({ key: head.view })
    await core.ready()
    if (!core.core.replicator.attached(Protomux.from(stream))) core.replicate(stream)
    this.#view = openView(core)
    await this.#view.ready()
    // The last block of the signed part brings the proof of its signature.
    await core.get(head.length - 1, { timeout: timeoutMs })
    if (!founderOf(core, market)) throw this.#untrue('its view is not signed by its founder')
    const view = this.#view.checkout(head.length)
    const state = await readState(view, { timeout: timeoutMs })
    const signer = head.signer
    if (!state.rules) throw this.#untrue('its view has no rules')
    if (!state.rules.founder.equals(signer) && !state.relays.has(signer.toString('hex'))) {
      throw this.#untrue('the signer of its view is not a relay of the market')
    }
    this.#rules = state.rules
    this.length = head.length
    this.isFounders = state.rules.founder.equals(stream.remotePublicKey)
    this.relays = new Set([...state.relays.keys(), state.rules.founder.toString('hex')]).size
    this.tick = state.tick
    this.viewHash = formatKey(await core.treeHash(head.length))
    this.#listing = new Listing({ view: () => view, market, rules: () => this.#rules, now })
  }

  protected override async _close(): Promise<void> {
    this.#channel?.close()
    await this.#view?.close()
    await this.#options.store.close()
  }

  /** Live asks, the cheapest first, each one verified. */
  async asks(query: AskQuery): Promise<VerifiedOrder[]> {
    return await this.#listing!.asks(query)
  }

  /** Live bids, the highest first, each one verified. */
  async bids(query: BidQuery): Promise<VerifiedOrder[]> {
    return await this.#listing!.bids(query)
  }

  /** When the relay has last seen these devices, as far as it says. */
  async seen(devices: readonly Buffer[]): Promise<Sightings> {
    return await this.#sightings.of(devices)
  }

  async get(id: Buffer): Promise<VerifiedOrder | null> {
    return await this.#listing!.get(id)
  }

  async #askHead(): Promise<ViewHead> {
    const { stream, market, timeoutMs } = this.#options
    let head: ViewHead | null
    try {
      this.#channel = this.#openChannel(stream, market)
      head = await this.#channel.viewHead(timeoutMs)
    } catch (error) {
      throw this.#unreached().withCause(error)
    }
    if (!head) throw this.#unreached()
    if (!isVouched(head, market)) throw this.#untrue('the signature on its view is not valid')
    return head
  }

  #openChannel(stream: NoiseStream, market: Buffer): MarketChannel {
    const nothing = (): void => undefined
    return new MarketChannel(stream, {
      id: crypto.discoveryKey(market),
      budget: new RefusalBudget(this.#options.now),
      hello: () => ({ version: VERSION, writer: Buffer.alloc(32), head: null }),
      isRelay: () => true,
      judge: null,
      heads: () => [],
      viewHead: () => null,
      seenAgo: () => null,
      onhello: nothing,
      onheads: nothing,
      onsigned: nothing,
      onclose: nothing,
      oncutoff: nothing
    })
  }

  #unreached(): BushelError {
    return new BushelError(
      'MARKET_NOT_REACHED',
      `this peer does not serve market ${shortKey(this.#options.market)}`,
      'connect to one of its relays'
    )
  }

  #untrue(why: string): BushelError {
    return new BushelError(
      'FORGED',
      `market ${shortKey(this.#options.market)} cannot be read from this peer: ${why}`,
      'try another peer'
    )
  }
}
