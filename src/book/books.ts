import { join } from 'node:path'
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey } from '../../contracts/keys/key.js'
import type { Admissions } from './relay/administration.js'
import { openBookStore } from './book-store.js'
import { RefusalBudget } from './budget.js'
import { MalformedBlock } from './log/writer-blocks.js'
import { brokenNote, isOwnTrouble, marketBroken, reasonOf } from './faults/fault.js'
import type { BrokenMarket } from './faults/fault.js'
import { LightReader } from './light-reader.js'
import { Market } from './market.js'
import { KnownMarkets, left, listIn } from './known-markets.js'
import type { KnownMarket } from './known-markets.js'
import { marketRules } from './view/rules.js'
import { forksInMemory } from './forks.js'
import type { Forks } from './forks.js'
import { SilentPeers } from '../base/bounds/silent-peers.js'
import { nullLogger } from '../base/logger.js'
import type { Logger } from '../base/logger.js'
import { opened } from '../base/scope.js'
import { Tally } from '../base/tally.js'
import { trustedNow } from '../base/time/trusted-time.js'

export interface BooksOptions {
  /** A folder of its own. */
  dir: string
  /** The node's device key, which signs the view heads that this node vouches for. */
  device: KeyPair
  now?: () => number
  log?: Logger
  /** Where evidence against founders is kept; by default in memory. */
  forks?: Forks
}

/**
 * All markets of a node, in one store. One whose data cannot be read is closed and stays closed until it is joined again; the
 * others go on.
 * Events: `market` (market) for each that is opened, `broken` (market) for each that is closed over its data.
 */
export class Books extends ReadyResource {
  readonly #options: Required<BooksOptions>
  readonly #markets = new Map<string, Market>()
  readonly #opening = new Map<string, Promise<Market>>()
  /** Closed over trouble of this machine, which another start may not have. */
  readonly #stopped = new Map<string, BrokenMarket>()
  /** The ends of markets that have failed. */
  readonly #ending = new Set<Promise<void>>()
  /** Attached streams, each with its close listener. */
  readonly #streams = new Map<NoiseStream, () => void>()
  readonly #memory: KnownMarkets
  readonly #budget: RefusalBudget
  readonly #cutOff: Tally
  #store!: Corestore
  #silent: SilentPeers | null = null

  constructor(options: BooksOptions) {
    super()
    this.#options = { now: trustedNow, log: nullLogger, forks: forksInMemory(), ...options }
    this.#memory = new KnownMarkets(listIn(options.dir))
    this.#cutOff = new Tally(this.#options.log, 'peer cut off')
    this.#budget = new RefusalBudget(this.#options.now)
  }

  protected override async _open(): Promise<void> {
    await this.#memory.load()
    this.#store = await openBookStore(join(this.#options.dir, 'cores'), this.#memory.namespaces)
    this.#silent = new SilentPeers({
      cores: () => this.#store.cores.map.values(),
      onsilent: peer => this.#options.log.debug('a peer announces blocks and gives none', { peer }),
      onfault: this.#options.log.fault
    })
    const sound = this.#memory.markets.filter(({ broken }) => !broken)
    await Promise.all(sound.map(known => this.#openUnlessBroken(known)))
  }

  /** The caller should close connections first. */
  protected override async _close(): Promise<void> {
    for (const [stream, gone] of this.#streams) stream.off('close', gone)
    await this.#silent?.close()
    await Promise.allSettled([...this.#opening.values(), ...this.#ending])
    await Promise.all([...this.#markets.values()].map(market => this.#shut(market)))
    await this.#store?.close()
    this.#cutOff.flush()
  }

  get markets(): Market[] {
    return [...this.#markets.values()]
  }

  /** The joined markets that are closed over their data. */
  get broken(): BrokenMarket[] {
    return [...this.#memory.broken, ...this.#stopped.values()]
  }

  /** Null for a market that is open, or not joined. */
  brokenAt(key: Buffer): BrokenMarket | null {
    return this.broken.find(one => one.key.equals(key)) ?? null
  }

  get(key: Buffer): Market | null {
    return this.#markets.get(formatKey(key)) ?? null
  }

  /** Founds a market, whose view and time this node signs. Throws on a bad name or bad rules. */
  async found({ name, rules }: { name: string; rules?: Record<string, number> }): Promise<Market> {
    const namespace = crypto.randomBytes(32).toString('hex')
    const market = this.#make(null, namespace, marketRules(this.#options.device.publicKey, name, rules))
    await market.ready()
    await this.#memory.put({ key: market.key, namespace, admissions: [] })
    this.#options.log.info('market founded', { market: market.key, name })
    this.#adopt(market)
    return market
  }

  /**
   * Opens a market as a reader and remembers it over restarts. Its name is known once a node of it was reached. A broken one
   * is tried again; rejects with MARKET_BROKEN when it cannot be opened.
   */
  async join(key: Buffer): Promise<Market> {
    if (key.byteLength !== 32) throw new BushelError('BAD_KEY', 'a market key has 32 bytes')
    const { namespace } = this.#memory.get(key) ?? { namespace: formatKey(key) }
    const known = (): KnownMarket => ({ key, namespace, admissions: this.#memory.get(key)?.admissions ?? [] })
    this.#stopped.delete(formatKey(key))
    const market = await this.#openOrMark(known())
    if (market.failure) throw marketBroken(await this.#mark(market, market.failure))
    await this.#memory.put(known())
    this.#options.log.info('market joined', { market: key })
    return market
  }

  /** Closes a market, which need not be open, and opens it no more; its cores stay on disk. Does nothing for others. */
  async leave(key: Buffer): Promise<void> {
    const id = formatKey(key)
    const known = this.#memory.get(key)
    if (known && !known.isLeft) await this.#memory.put(left(known))
    this.#stopped.delete(id)
    await this.#opening.get(id)?.catch(() => undefined) // `join` tells
    const market = this.#markets.get(id)
    this.#markets.delete(id)
    if (market?.hasWritten === false) await this.#memory.delete(key)
    if (market) await this.#shut(market)
    if (known) this.#options.log.info('market left', { market: key })
  }

  /** Opens a channel for every current and later market on a connection. Call once per connection. */
  attach(stream: NoiseStream): void {
    if (this.closing || stream.destroyed || this.#streams.has(stream)) return
    const gone = (): void => void this.#streams.delete(stream)
    this.#streams.set(stream, gone)
    stream.once('close', gone)
    this.#store.replicate(stream)
    for (const market of this.#markets.values()) market.connect(stream)
  }

  /** Replicates a core of a market on the connection; false when no market has this discovery key. */
  async serve(discoveryKey: Buffer, stream: NoiseStream): Promise<boolean> {
    if (this.closing || !(await this.#store.storage.hasCore(discoveryKey))) return false
    const core = this.#store.get({ discoveryKey, createIfMissing: false, active: false })
    try {
      await core.ready()
      core.replicate(stream)
    } finally {
      await core.close()
    }
    return true
  }

  /** Opens a reader of a market that this node has not joined, through a connection to a relay. The caller closes it. */
  async browse(key: Buffer, stream: NoiseStream): Promise<LightReader> {
    return opened(
      new LightReader({ store: this.#store.session(), stream, market: key, now: this.#options.now })
    )
  }

  /** Opens a market at the start of the node, which goes on without it when it is broken. */
  async #openUnlessBroken(known: KnownMarket): Promise<void> {
    try {
      await this.#openOrMark(known)
    } catch (error) {
      if (!(error instanceof BushelError && error.code === 'MARKET_BROKEN')) throw error
    }
  }

  /** Opens a market; marks it as broken and rejects with MARKET_BROKEN when what was written to it cannot be read. */
  async #openOrMark(known: KnownMarket): Promise<Market> {
    try {
      return await this.#openKnown(known)
    } catch (error) {
      if (isOwnTrouble(error)) throw error
      throw marketBroken(await this.#mark({ key: known.key, name: '' }, error))
    }
  }

  /** A market that is open has failed: it is closed, and not opened at the next start unless this machine is to blame. */
  async #onfailed(market: Market, error: unknown): Promise<void> {
    const id = formatKey(market.key)
    if (this.closing || !market.opened || this.#markets.get(id) !== market) return
    this.#markets.delete(id)
    if (!(error instanceof MalformedBlock)) this.#options.log.fault(error, { market: market.key })
    await Promise.all([this.#mark(market, error), this.#shut(market)])
    this.emit('broken', market)
  }

  async #mark({ key, name }: { key: Buffer; name: string }, error: unknown): Promise<BrokenMarket> {
    const known = this.#memory.get(key)
    const broken = { key, name: name || (known?.broken?.name ?? ''), reason: reasonOf(error) }
    this.#options.log.error(brokenNote(broken), { market: key })
    if (isOwnTrouble(error)) this.#stopped.set(formatKey(key), broken)
    else if (known && !known.isLeft)
      await this.#memory.put({ ...known, broken: { name: broken.name, reason: broken.reason } })
    return broken
  }

  /** Closes a market that may have failed: what it throws then is told, and stops nothing. */
  async #shut(market: Market): Promise<void> {
    try {
      await market.close()
    } catch (error) {
      this.#options.log.fault(error, { market: market.key })
    }
  }

  async #openKnown(known: KnownMarket): Promise<Market> {
    const id = formatKey(known.key)
    const open = this.#markets.get(id)
    if (open) return open
    let opening = this.#opening.get(id)
    if (!opening) {
      opening = this.#openAnew(known).finally(() => this.#opening.delete(id))
      this.#opening.set(id, opening)
    }
    return await opening
  }

  async #openAnew(known: KnownMarket): Promise<Market> {
    const market = this.#make(known.key, known.namespace)
    await market.ready().catch((error: unknown) => Promise.reject((market.failure ?? error) as Error))
    if (market.failure) {
      await this.#shut(market)
      throw market.failure
    }
    this.#adopt(market)
    return market
  }

  #make(key: Buffer | null, namespace: string, rules?: ReturnType<typeof marketRules>): Market {
    const market = new Market({
      store: this.#store.namespace(namespace),
      key,
      ...(rules ? { rules } : {}),
      device: this.#options.device,
      budget: this.#budget,
      admissions: key => this.#admissions(key),
      now: this.#options.now,
      log: this.#options.log,
      cutOff: this.#cutOff,
      forks: this.#options.forks
    })
    market.once('failed', (error: unknown) => {
      const ending = this.#onfailed(market, error)
        .catch((fault: unknown) => this.#options.log.fault(fault))
        .finally(() => this.#ending.delete(ending))
      this.#ending.add(ending)
    })
    return market
  }

  #adopt(market: Market): void {
    this.#markets.set(formatKey(market.key), market)
    for (const stream of this.#streams.keys()) market.connect(stream)
    this.emit('market', market)
  }

  #admissions(key: Buffer): Admissions {
    const others = (device: Buffer): Buffer[] =>
      (this.#memory.get(key)?.admissions ?? []).filter(known => !known.equals(device))
    const keep = async (admissions: Buffer[]): Promise<void> => {
      const known = this.#memory.get(key)
      if (known) await this.#memory.put({ ...known, admissions })
    }
    return {
      list: () => this.#memory.get(key)?.admissions ?? [],
      add: device => keep([...others(device), device]),
      delete: device => keep(others(device))
    }
  }
}
