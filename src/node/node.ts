import { join } from 'node:path'
import type { KeyPair } from 'hypercore-crypto'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey } from '../../contracts/keys/key.js'
import { opened } from '../base/scope.js'
import { Services } from '../base/services.js'
import { Books } from '../book/books.js'
import { storedForks } from '../book/forks.js'
import type { WalletChoice } from '../identity/config.js'
import type { Store, StoreOptions } from '../store/store.js'
import { homeStore } from './home-store.js'
import { Network } from '../network/network.js'
import type { Address } from '../network/network.js'
import type { Reachability } from '../network/reach/reachability.js'
import { throttle } from './throttle.js'
import { answer } from './api/calls.js'
import { withCulprit } from './culprit.js'
import type { Method, NodeCaller, Params, Result } from './api/calls.js'
import type { CallContext } from './api/definition/call.js'
import { NODE_SERVICES } from './services.js'
import type { NodeParts } from './services.js'
import type { TradeResource } from './trade/parts.js'
import { RESOURCES } from './trade/resources.js'
import { Trade } from './trade/trade.js'
import type { Policy } from '../storage/provider/selling.js'
import type { JobTimeouts } from '../compute/job/timeouts.js'
import type { WorkerOptions } from '../compute/provider/worker-options.js'
import { TIMEOUTS } from '../storage/lease/timeouts.js'
import type { Timeouts } from '../storage/lease/timeouts.js'
import { nullLogger } from '../base/logger.js'
import type { Logger } from '../base/logger.js'
import { clockNote, trustedNow, trustedTime } from '../base/time/trusted-time.js'

/** The parts of a home that a node uses. */
export interface HomePort {
  readonly dir: string
  readonly identity: Buffer
  readonly device: KeyPair
  /** Attestation of the device by the identity. */
  readonly proof: Buffer
  /** The market in use, when one was chosen. */
  readonly market: Buffer | null
  useMarket(market: Buffer | null): Promise<void>
  /** The chosen wallet; null for the default one. */
  readonly wallet: WalletChoice | null
  /** Whether it forwards for members of the markets that it is a relay of; by default. */
  readonly forwards?: boolean
}

export interface NodeOptions {
  home: HomePort
  /** Null: the public DHT. */
  bootstrap: Address[] | null
  /** The address of this machine to bind, and the UDP port; by default all of them, and any one. */
  host?: string | undefined
  port?: number | undefined
  /** False: it does not forward for others, whatever the home says. */
  forwards?: boolean | undefined
  /** False, for tests: behind a router that lets no peer in. */
  direct?: boolean
  /** True for `bushel up`: provider, unattended buyer, relay; false for the length of one command. */
  serve: boolean
  /** The resources that the node deals in; `RESOURCES` by default. */
  resources?: readonly TradeResource[]
  /** Changes of the provider's default policy. */
  policy?: Partial<Policy>
  /** Changes of the default timeouts for providers. */
  timeouts?: Partial<Timeouts>
  /** Changes of the default timeouts for job providers. */
  jobTimeouts?: Partial<JobTimeouts>
  /** Changes of the default worker options. */
  worker?: Partial<WorkerOptions>
  /** The clock of deals and leases, ms since 1970; by default the machine's. */
  now?: () => number
  /** Drops all lines by default. */
  log?: Logger
  /** What the store stands on; LMDB by default. */
  backend?: NonNullable<StoreOptions['backend']>
}

/**
 * The composition root; `services.ts` and `trade/order.ts` list its parts and their order. Emits `failed` (BushelError) when
 * the disk has refused a change: it makes no further deals, and is to be closed.
 */
export class BushelNode extends ReadyResource implements NodeCaller {
  readonly home: HomePort
  readonly log: Logger
  readonly serving: boolean
  readonly mayForward: boolean
  readonly timeouts: Timeouts
  readonly resources: readonly TradeResource[]
  readonly store: Store
  readonly network: Network
  readonly books: Books
  readonly #options: NodeOptions
  readonly #services: Services<NodeParts>
  #unhear: () => void = () => undefined
  #trade: Trade | null = null

  constructor(options: NodeOptions) {
    super()
    this.#options = options
    this.home = options.home
    this.log = options.log ?? nullLogger
    this.serving = options.serve
    this.mayForward = options.serve && options.forwards !== false && options.home.forwards !== false
    this.timeouts = { ...TIMEOUTS, ...options.timeouts }
    this.resources = options.resources ?? RESOURCES
    const { dir, device } = options.home
    const { backend } = options
    this.store = homeStore(dir, { resources: this.resources, ...(backend ? { backend } : {}) })
    this.store.on('failed', (error: BushelError) => this.emit('failed', error))
    const { bootstrap, host, port, direct = true } = options
    this.network = new Network({
      ...{ keyPair: device, bootstrap, host, port, direct },
      log: this.log.child('network')
    })
    this.books = new Books({
      ...{ dir: join(dir, 'book'), device, log: this.log.child('book') },
      forks: storedForks(this.store)
    })
    this.#services = new Services<NodeParts>({
      given: { node: this },
      services: NODE_SERVICES,
      onfault: error => this.fault(error)
    })
  }

  get device(): string {
    return formatKey(this.home.device.publicKey)
  }

  get reachability(): Reachability {
    return this.network.reachability
  }

  protected override async _open(): Promise<void> {
    this.#unhear = trustedTime.onJump(jump => {
      if (jump !== 0) this.log.warn(clockNote(jump), {})
    })
    try {
      await this.#services.ready()
    } catch (error) {
      this.#unhear() // a node that did not open is not closed
      throw error
    }
  }

  protected override async _close(): Promise<void> {
    this.#unhear()
    await this.#services.close()
  }

  /** Also works during opening: open parts are closed, and the rest is not opened. */
  override close(): Promise<void> {
    this.#trade?.close().catch(() => undefined) // the service `trade`, or who opened it, tells
    this.#services.close().catch(() => undefined) // `_close`, or `ready`, tells
    return super.close()
  }

  /** Joins a market's topic; a node that runs for one command looks others up without announcing itself. */
  joinTopic(discoveryKey: Buffer): void {
    this.network.join(discoveryKey, { server: this.serving })
  }

  async leaveTopic(discoveryKey: Buffer): Promise<void> {
    await this.network.leave(discoveryKey)
  }

  /** The parts that make deals, opened on first use. */
  async trade(): Promise<Trade> {
    if (!this.#trade) {
      if (this.closing) throw new BushelError('CLOSED', 'the node is closing')
      this.#trade = this.#makeTrade()
    }
    await this.#trade.ready()
    return this.#trade
  }

  /** Closes the parts that make deals, if they were opened. */
  async closeTrade(): Promise<void> {
    await this.#trade?.close()
  }

  #makeTrade(): Trade {
    const { dir, identity, device, proof, wallet } = this.home
    const { store, network, books, serving: serve } = this
    return new Trade({
      dir,
      wallet,
      identity,
      device,
      proof,
      resources: this.resources,
      policy: this.#options.policy ?? {},
      timeouts: this.timeouts,
      jobTimeouts: this.#options.jobTimeouts ?? {},
      worker: this.#options.worker ?? {},
      now: this.#options.now ?? trustedNow,
      store,
      network,
      books,
      serve,
      log: this.log
    })
  }

  /** Logs a failure that no caller waits for. */
  fault(error: unknown): void {
    this.log.fault(error)
  }

  async call<M extends Method>(method: M, params: Params<M>, context: CallContext): Promise<Result<M>> {
    this.log.debug('call', { method: String(method).slice(0, 40) })
    try {
      return await answer(this, method, params, throttle(context))
    } catch (error) {
      const isMarketReached = this.books.markets.some(({ peers, role }) => peers > 0 || role === 'founder')
      throw withCulprit(error, this.reachability, isMarketReached)
    }
  }
}

export async function openNode(options: NodeOptions): Promise<BushelNode> {
  return opened(new BushelNode(options))
}
