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
import { LightReader } from './light-reader.js'
import { Market } from './market.js'
import { KnownMarkets } from './known-markets.js'
import type { KnownMarket } from './known-markets.js'
import { marketRules } from './view/rules.js'
import { forksInMemory } from './forks.js'
import type { Forks } from './forks.js'
import { SilentPeers } from './reader/silent-peers.js'
import { nullLogger } from '../base/logger.js'
import type { Logger } from '../base/logger.js'
import { opened } from '../base/scope.js'
import { Tally } from '../base/tally.js'

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
 * All markets of a node, in one store.
 * Event: `market` (market) for each that is opened.
 */
export class Books extends ReadyResource {
  readonly #options: Required<BooksOptions>
  readonly #markets = new Map<string, Market>()
  readonly #opening = new Map<string, Promise<Market>>()
  /** Attached streams, each with its close listener. */
  readonly #streams = new Map<NoiseStream, () => void>()
  readonly #memory: KnownMarkets
  readonly #budget: RefusalBudget
  readonly #cutOff: Tally
  #store!: Corestore
  #silent: SilentPeers | null = null

  constructor(options: BooksOptions) {
    super()
    this.#options = { now: Date.now, log: nullLogger, forks: forksInMemory(), ...options }
    this.#memory = new KnownMarkets(join(options.dir, 'markets.json'))
    this.#cutOff = new Tally(this.#options.log, 'peer cut off')
    this.#budget = new RefusalBudget(this.#options.now)
  }

  protected override async _open(): Promise<void> {
    await this.#memory.load()
    const namespaces = this.#memory.markets.map(({ namespace }) => namespace)
    this.#store = await openBookStore(join(this.#options.dir, 'cores'), namespaces)
    this.#silent = new SilentPeers({
      store: this.#store,
      onsilent: peer => this.#options.log.debug('a peer announces blocks and gives none', { peer }),
      onfault: this.#options.log.fault
    })
    await Promise.all(this.#memory.markets.map(known => this.#openKnown(known)))
  }

  /** The caller should close connections first. */
  protected override async _close(): Promise<void> {
    for (const [stream, gone] of this.#streams) stream.off('close', gone)
    await this.#silent?.close()
    await Promise.allSettled(this.#opening.values())
    await Promise.all([...this.#markets.values()].map(market => market.close()))
    await this.#store?.close()
    this.#cutOff.flush()
  }

  get markets(): Market[] {
    return [...this.#markets.values()]
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

  /** Opens a market as a reader and remembers it over restarts. Its name is known once a node of it was reached. */
  async join(key: Buffer): Promise<Market> {
    if (key.byteLength !== 32) throw new BushelError('BAD_KEY', 'a market key has 32 bytes')
    const known = this.#memory.get(key) ?? { key, namespace: formatKey(key), admissions: [] }
    const market = await this.#openKnown(known)
    await this.#memory.put(this.#memory.get(key) ?? known)
    this.#options.log.info('market joined', { market: key })
    return market
  }

  /** Closes a market and forgets it; its cores stay on disk. */
  async leave(key: Buffer): Promise<void> {
    const market = this.get(key)
    await this.#memory.delete(key)
    this.#markets.delete(formatKey(key))
    await market?.close()
    if (market) this.#options.log.info('market left', { market: key })
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
    await market.ready()
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
