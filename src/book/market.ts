import type Corestore from 'corestore'
import type { KeyPair } from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import type { MarketFork, MarketRules, Order } from '#spec'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey, shortKey } from '../../contracts/keys/key.js'
import { isSameOrder, orderId } from '../../contracts/order.js'
import type { VerifiedOrder } from '../../contracts/order.js'
import type { Admissions } from './relay/administration.js'
import { apply } from './view/apply.js'
import type { ViewDatabase } from './view/database.js'
import type { RefusalBudget } from './budget.js'
import { clockOf } from './clock.js'
import type { Clock } from './clock.js'
import { isDataFault } from './faults/fault.js'
import { MarketFaults } from './faults/market-faults.js'
import { Following } from './log/following.js'
import type { Forks } from './forks.js'
import { Listing } from './view/listing.js'
import type { AskQuery, BidQuery, Candidate, ViewState } from './view/listing.js'
import { readFrom } from './log/reading.js'
import { covers, openBookLog } from './log/log.js'
import type { BookLog, MalformedBlock } from './log/log.js'
import type { MarketChannel } from './peers/channel.js'
import type { MarketPeers } from './peers/market-peers.js'
import type { Posting } from './reader/posting.js'
import { RelayHeads } from './reader/relay-heads.js'
import { SUBMIT_TIMEOUT, Step } from './peers/step.js'
import { Talk } from './peers/talk.js'
import { fullnessBits, lifetimeBits, revisionBits } from './view/rules.js'
import { orderOf } from './view/slots.js'
import { hashOfView } from './view/view-hash.js'
import { refusal } from './refusal.js'
import { Authors } from './relay/authors.js'
import { Founding } from './relay/founding.js'
import { Relaying } from './relay/relaying.js'
import { Sweeper } from './sweep/sweeper.js'
import { SightingBook } from './sightings.js'
import type { Sightings } from './sightings.js'
import type { Logger } from '../base/logger.js'
import { Tally } from '../base/tally.js'

export type MarketRole = 'founder' | 'relay' | 'reader'

export interface MarketOptions {
  /** A namespace of the store for this market alone, closed with it. */
  store: Corestore
  /** Null: found a new market, with `rules`. */
  key: Buffer | null
  rules?: MarketRules
  device: KeyPair
  budget: RefusalBudget
  admissions: (market: Buffer) => Admissions
  now: () => number
  log: Logger
  /** Counts peers that are cut off. */
  cutOff: Tally
  /** Where evidence against the founder is kept. */
  forks: Forks
}

/** The founder signs the view one to two times this after a change, ms. */
const ACK_INTERVAL = 500

/** What the user is told of a market whose founder has signed two views, and what to do. */
export function forkNote(name: string): string {
  return (
    `market ${name}: its founder has signed two different books and shows them to different people; ` +
    'do not rely on its orders: use another market (bushel market use NAME) and tell its other members'
  )
}

/**
 * One order book: a log whose few writers are its relays. This node reads and verifies it, and publishes signed
 * records by submitting them to relays, unless it is a relay itself.
 * Events: `update` when the view changed, `swept` (blocks) when old blocks were cleared, `forked` when the founder was found
 * to have signed two views, `failed` (error) when what was written to it cannot be read: who opened it closes it.
 */
export class Market extends ReadyResource {
  readonly #options: MarketOptions
  readonly #founding: Founding
  readonly #faults: MarketFaults
  readonly #refusedRecords: Tally
  #base!: BookLog
  #talk!: Talk
  #step!: Step
  #listing!: Listing
  #relaying!: Relaying
  #following!: Following
  #sightings!: SightingBook<MarketChannel>
  #sweeper!: Sweeper
  readonly #authors = new Authors(() => this.#faults.read(() => this.#listing.devices()))
  #fastForwards = 0
  #caughtUp = false
  /** The role last logged; null before the first time. */
  #role: MarketRole | null = null

  constructor(options: MarketOptions) {
    super()
    this.#options = options
    this.#refusedRecords = new Tally(options.log, 'relay refused an order')
    this.setMaxListeners(0)
    this.#faults = new MarketFaults({
      market: () => this.key,
      name: () => this.name,
      relays: () => this.#state.relays,
      isClosing: () => this.closing !== null,
      read: read => readFrom(this.#base, read),
      log: options.log,
      onfail: error => this.emit('failed', error)
    })
    this.#founding = new Founding({
      market: () => this.key,
      device: options.device.publicKey,
      admissions: () => options.admissions(this.key),
      isRelay: device => this.#talk.isRelay(device),
      present: device => this.#peers.get(device),
      base: () => this.#base,
      state: () => this.#state,
      refresh: () => this.#following.refresh(),
      name: () => this.#title,
      isFounder: () => this.role === 'founder',
      now: options.now,
      log: options.log,
      onfault: error => this.#faults.fault(error)
    })
  }

  get #peers(): MarketPeers {
    return this.#talk.peers
  }

  get #state(): ViewState {
    return this.#following.state
  }

  get key(): Buffer {
    return this.#base.key
  }

  /** The topic on which the market's nodes find each other. */
  get discoveryKey(): Buffer {
    return this.#base.discoveryKey
  }

  /** Null until the view is read. */
  get rules(): MarketRules | null {
    return this.#state.rules
  }

  /** The founder's name for it; '' until the view is read. */
  get name(): string {
    return this.#state.rules?.name ?? ''
  }

  /** In messages. */
  get #title(): string {
    return this.name || shortKey(this.key)
  }

  get role(): MarketRole {
    if (this.#base.local.key.equals(this.#base.key)) return 'founder'
    return this.#base.writable ? 'relay' : 'reader'
  }

  /** Time of the last tick, ms since 1970; 0 before the first. */
  get tick(): number {
    return this.#state.tick
  }

  /** The market's time compared with this node's clock. */
  get clock(): Clock {
    return clockOf(this.#state, this.#options.now())
  }

  /** Number of orders in the view, with withdrawn ones and those of every network. */
  get orders(): number {
    return this.#state.count.slots
  }

  /** Number of blocks of the view that the founder has not signed yet, which new readers do not see. */
  get unsigned(): number {
    const { core } = this.#base.view
    return core.length - core.signedLength
  }

  /** True when a relay has fetched the whole view since it became one or skipped ahead. */
  get holdsAll(): boolean {
    return this.#relaying.holding.holdsAll
  }

  /** Counts since the market was opened. */
  get stats(): { accepted: number; refused: number; fastForwards: number } {
    return { ...this.#relaying.stats, fastForwards: this.#fastForwards }
  }

  /** True when this node has evidence that the founder showed two views. */
  get isForked(): boolean {
    return this.#options.forks.of(this.key).length > 0
  }

  /** Number of relays of the market other than this node, with the founder. */
  get #relaysBeside(): number {
    const { rules, relays } = this.#state
    const all = new Set([...relays.keys(), ...(rules ? [rules.founder.toString('hex')] : [])])
    all.delete(this.#options.device.publicKey.toString('hex'))
    return all.size
  }

  /** The error over which the market cannot go on; null: it can. */
  get failure(): unknown {
    return this.#faults.failure
  }

  /** True when this node has ever written to it. */
  get hasWritten(): boolean {
    return this.#base.local.length > 0
  }

  /** Number of connected relays. */
  get relays(): number {
    return this.#peers.relays.length
  }

  /** Number of connected peers that have this market. */
  get peers(): number {
    return this.#peers.all.length
  }

  protected override async _open(): Promise<void> {
    try {
      await this.#start()
    } catch (error) {
      await Promise.allSettled([this.#base.close()]) // the first error tells
      await this.#options.store.close()
      throw error
    }
  }

  async #start(): Promise<void> {
    const { store, key } = this.#options
    const base = openBookLog({
      ...{ store, key, ackInterval: ACK_INTERVAL },
      apply: async (entries, view, host) => {
        // A node that was never in step need not compute again what is signed already.
        if (!this.#caughtUp) host.preferFastForward()
        await apply(entries, view, host)
      }
    })
    base.on('error', (error: unknown) => this.#faults.fail(error))
    base.on('malformed', (block: MalformedBlock) => this.#faults.malformed(block))
    base.on('fast-forward', () => {
      this.#fastForwards++
      this.#options.log.debug('market skipped ahead', { market: this.key })
      this.#relaying?.holding.replaced()
    })
    this.#base = base
    await base.ready()
    this.#assemble(() => base.view)
    if (this.#options.rules) await this.#founding.found(this.#options.rules)
    await this.#following.begin()
    base.on('update', () => this.#refreshSoon())
    this.#refreshSoon()
    if (this.role === 'founder') this.#founding.start()
  }

  #assemble(view: () => ViewDatabase): void {
    const { now } = this.#options
    const onfault = (error: unknown): void => this.#faults.fault(error)
    const state = (): ViewState => this.#state
    this.#following = new Following({
      view,
      read: read => readFrom(this.#base, read),
      onstate: () => {
        this.#tellRole()
        this.#talk.renew()
        this.#sweeper.poke()
      },
      onchange: () => this.emit('update'),
      onfault: error => {
        if (isDataFault(error)) this.#faults.fail(error)
        // Without peers, missing blocks of the view cannot be fetched: that is not a fault.
        else if (this.peers > 0) this.#faults.fault(error)
      }
    })
    this.#listing = new Listing({ view, market: this.key, rules: () => this.rules, now })
    this.#relaying = new Relaying({
      market: this.key,
      view,
      state,
      now,
      onfault,
      append: async operation => {
        await this.#base.append(operation)
      },
      refresh: () => this.#following.refresh(),
      onrefused: code => this.#refusedRecords.count(code, { market: this.key })
    })
    this.#talk = new Talk({
      ...{ now, onfork: fork => this.#onfork(fork) },
      ...{
        base: this.#base,
        relaying: this.#relaying,
        administration: this.#founding.administration,
        state,
        onfault
      },
      judge: record => this.#faults.read(() => this.#relaying.take(record)),
      device: this.#options.device,
      budget: this.#options.budget,
      oncutoff: (device, bound) => this.#options.cutOff.count(bound, { peer: device, market: this.key }),
      role: () => this.role,
      isClosing: () => this.closing !== null,
      now
    })
    // A node without relays falls behind, and they clear what only an older view needs: it has to skip ahead then.
    this.#peers.on('change', () => {
      if (this.#peers.relays.length === 0) this.#caughtUp = false
    })
    this.#sweeper = new Sweeper({
      log: () => ({
        store: this.#options.store,
        view: this.#base.view.core,
        system: this.#base.system?.core ?? null
      }),
      tick: () => this.#state.tick,
      onswept: blocks => {
        this.#options.log.debug('old blocks of a market cleared', { market: this.key, blocks })
        this.emit('swept', blocks)
      },
      onfault
    })
    this.#sightings = new SightingBook({
      relays: () => this.#peers.relays,
      onsilent: relay => relay.closed || this.#peers.record.failed(relay.device),
      own: device => this.#talk.seenAgo(device),
      now
    })
    this.#step = new Step({
      market: this,
      peers: this.#peers,
      name: () => this.#title,
      isClosing: () => this.closing !== null,
      isFounder: () => this.role === 'founder',
      hasRules: () => this.rules !== null,
      heads: new RelayHeads({
        peers: this.#peers,
        known: () => this.#relaysBeside,
        isFounder: device => this.rules?.founder.equals(device) === true,
        covers: async heads => {
          await this.#base.update()
          return await covers(this.#base, heads)
        },
        progress: () => this.#base.view.core.length,
        // Of two views of a founder, this node can only follow one.
        isBehindSigned: () => !this.isForked && this.#talk.isBehindSigned
      }),
      isInBook: async record => {
        await this.#base.update()
        const own = orderOf(record)
        return own !== null && isSameOrder(own, await this.standing(orderId(own)))
      },
      oncaughtup: async () => {
        this.#caughtUp = true
        await this.#following.refresh()
      }
    })
  }

  protected override async _close(): Promise<void> {
    this.#talk?.peers.close()
    await this.#founding.stop()
    this.#relaying?.holding.stop()
    await this.#sweeper?.stop()
    this.#refusedRecords.flush()
    await this.#base?.close()
    await this.#following?.stop()
  }

  /** Keeps the evidence, and tells of the first. */
  async #onfork(fork: MarketFork): Promise<void> {
    const { forks, log } = this.#options
    const { isForked } = this
    await forks.keep(fork)
    if (isForked) return
    log.error(forkNote(this.#title), { market: this.key, length: fork.second.length })
    this.emit('forked', fork)
  }

  // Reading

  /** Live asks, the cheapest first, each one verified. */
  async asks(query: AskQuery): Promise<VerifiedOrder[]> {
    return await this.#faults.read(() => this.#listing.asks(query))
  }

  /** Live bids, the highest first, each one verified. */
  async bids(query: BidQuery): Promise<VerifiedOrder[]> {
    return await this.#faults.read(() => this.#listing.bids(query))
  }

  /** The asks to choose sellers from: those of devices that relays have seen lately, and the cheapest of the others. */
  async candidates(query: AskQuery): Promise<Candidate[]> {
    return await this.#faults.read(() => this.#listing.candidates(query, devices => this.seen(devices)))
  }

  /** When relays have last seen these devices, as far as they say. */
  async seen(devices: readonly Buffer[]): Promise<Sightings> {
    return await this.#sightings.of(devices)
  }

  /** Number of devices that this node remembers to have seen. */
  get remembered(): number {
    return this.#talk.seen.size
  }

  /** The live order with that id, or null when it is unknown, withdrawn or over. */
  async get(id: Buffer): Promise<VerifiedOrder | null> {
    return await this.#faults.read(() => this.#listing.get(id))
  }

  /** The record of an order in the view, also a withdrawn one, as it lies there; null when there is none. */
  async standing(id: Buffer): Promise<Order | null> {
    return await this.#faults.read(() => this.#listing.standing(id))
  }

  async ofIdentity(identity: Buffer): Promise<VerifiedOrder[]> {
    return await this.#faults.read(() => this.#listing.ofIdentity(identity))
  }

  /** The Merkle tree hash of the view, in z32; equal on every node with the same heads. */
  async viewHash(): Promise<string> {
    return formatKey(await this.#faults.read(() => hashOfView(this.#base)))
  }

  /** The tick and the strength in bits that the stamp of a new record needs. */
  stampFor(order: Order): { tick: number; bits: number } {
    const { rules, tick, count } = this.#state
    if (!rules) throw this.#notReady()
    const crowd = order.withdrawn ? 0 : fullnessBits(rules, count.slots)
    const again = order.revision > 1 ? revisionBits(rules) : 0
    return { tick, bits: lifetimeBits(rules, order) + Math.max(crowd, again) }
  }

  #notReady(): BushelError {
    return new BushelError(
      'MARKET_NOT_REACHED',
      `market ${shortKey(this.key)} has not been reached yet`,
      'check the key, and that a node of the market is running'
    )
  }

  #refreshSoon(): void {
    this.#following.refresh().catch((error: unknown) => this.#faults.fault(error))
  }

  #tellRole(): void {
    const { role } = this
    if (role !== this.#role && this.#role !== null) {
      const now = role === 'relay' ? 'now' : 'no longer'
      this.#options.log.info(`this node is ${now} a relay of the market`, { market: this.key, role })
    }
    this.#role = role
  }

  // Writing

  /**
   * Publishes a signed record: a relay checks and appends it itself; other nodes hand it to connected relays, a few at a
   * time, until it is in the book that this node reads, and wait for a relay if there is none. Resolves also when relays
   * were asked and none has put it into the book in time, see `Posting`; rejects when all refuse it, or none is reached.
   */
  async submit(record: Buffer, { timeoutMs = SUBMIT_TIMEOUT } = {}): Promise<Posting> {
    if (this.role === 'reader') return await this.#step.submit(record, timeoutMs)
    const verdict = await this.#faults.read(() => this.#relaying.take(record))
    if (verdict.code !== 'OK' && verdict.code !== 'REPEATED') throw refusal(verdict)
    return { inBook: true, asked: 0, accepted: 0, refusal: null }
  }

  // Peers

  /** The forwarders of the connected relays. */
  get forwarders(): Buffer[] {
    return this.#peers.forwarders
  }

  /** Tells the peers which forwarder this node has as a relay; null: none. */
  forwardBy(forwarder: Buffer | null): void {
    this.#talk.forwardBy(forwarder)
  }

  /** Whether the device is a relay of this market or has a live order on its book, as far as was looked lately. */
  async isMember(device: Buffer): Promise<boolean> {
    return this.#talk.isRelay(device) || (await this.#authors.has(device))
  }

  /** Opens this market's channel on a connection. */
  connect(stream: NoiseStream): void {
    if (this.closing) return
    this.#founding.tick() // a new peer should see the current market time
    this.#peers.connect(stream)
  }

  // Being in step

  /**
   * True when the rules are known and the view includes all that enough relays have (see `RelayHeads`; without relays: all
   * that another peer has); the founder is always in step. False after `timeoutMs`.
   */
  async inStep({ timeoutMs }: { timeoutMs: number }): Promise<boolean> {
    return await this.#step.inStep(timeoutMs)
  }

  // Administration

  /**
   * Makes a device a relay. True when done; false when the device is not connected: it is then admitted when it connects.
   */
  async admit(device: Buffer): Promise<boolean> {
    return await this.#founding.admit(device)
  }

  /** Bans an identity, a device or a writer for good. */
  async ban(key: Buffer): Promise<void> {
    await this.#founding.ban(key)
  }
}
