import * as ldk from '#ldk'
import { FIRST_BLOCK, headerAt } from './chain.js'
import { free, hex, present } from './ldk.js'
import { PLAY_HEIGHT } from '../network.js'
import type { Store, StoredMonitor } from '../log/store.js'

const NETWORK = ldk.Network.LDKNetwork_Regtest
const SAT_PER_1000_WEIGHT = 253
const MAX_HTLCS = 483
/** Above any channel's size: with LDK's default, small payments fail once about 2,500 sat of them are in flight. */
const MAX_DUST_MSAT = 1_000_000_000_000n

function userConfig(): ldk.UserConfig {
  const config = ldk.UserConfig.constructor_default()
  // Each get_*config() returns a copy, which must be set again.
  const handshake = config.get_channel_handshake_config()
  handshake.set_announce_for_forwarding(false)
  handshake.set_minimum_depth(1)
  handshake.set_our_max_accepted_htlcs(MAX_HTLCS)
  handshake.set_max_inbound_htlc_value_in_flight_percent_of_channel(100)
  handshake.set_our_htlc_minimum_msat(1n)
  handshake.set_negotiate_anchors_zero_fee_htlc_tx(false)
  config.set_channel_handshake_config(handshake)
  const limits = config.get_channel_handshake_limits()
  limits.set_trust_own_funding_0conf(true)
  limits.set_force_announced_channel_preference(false)
  config.set_channel_handshake_limits(limits)
  const channel = config.get_channel_config()
  channel.set_max_dust_htlc_exposure(ldk.MaxDustHTLCExposure.constructor_fixed_limit_msat(MAX_DUST_MSAT))
  config.set_channel_config(channel)
  config.set_manually_accept_inbound_channels(true)
  config.set_accept_forwards_to_priv_channels(false)
  return config
}

/**
 * The LDK objects of one node, connected to each other and to the store. Callbacks from LDK only record data: an
 * exception or a call into LDK inside a callback would end the process.
 */
export class LdkEngine {
  readonly manager: ldk.ChannelManager
  readonly peers: ldk.PeerManager
  readonly nodeId: Buffer
  /** Takes what peers tell of the channels of others: nothing is kept, because payments go over direct channels only. */
  readonly gossip: ldk.RoutingMessageHandler
  readonly #store: Store
  readonly #chainMonitor: ldk.ChainMonitor
  readonly #confirms: ldk.Confirm[]
  readonly #providers: ldk.EventsProvider[]
  readonly #events: ldk.Event[] = []
  /** Monitors that are not stored any more. */
  readonly #forgotten = new Set<string>()
  readonly #handler: ldk.EventHandler
  /** Keeps implementations in JavaScript alive, because the bindings hold only weak references to them. */
  readonly held: readonly unknown[]

  constructor(seed: Buffer, store: Store) {
    this.#store = store
    const now = Math.floor(Date.now() / 1000)
    const logger = ldk.Logger.new_impl({ log: record => free(record, 'Record') })
    const fees = ldk.FeeEstimator.new_impl({ get_est_sat_per_1000_weight: () => SAT_PER_1000_WEIGHT })
    // There is no chain, so broadcasts are ignored (LDK repeats them, because funding never confirms).
    const broadcaster = ldk.BroadcasterInterface.new_impl({ broadcast_transactions: () => undefined })
    const keys = ldk.KeysManager.constructor_new(
      seed,
      BigInt(now),
      Number(process.hrtime.bigint() % 1_000_000_000n)
    )
    const entropy = keys.as_EntropySource()
    const nodeSigner = keys.as_NodeSigner()
    const signers = keys.as_SignerProvider()
    const persister = this.#persister()
    const noFilter = ldk.Option_FilterZ.constructor_none()
    this.#chainMonitor = ldk.ChainMonitor.constructor_new(noFilter, broadcaster, logger, fees, persister)
    const watch = this.#chainMonitor.as_Watch()
    const graph = ldk.NetworkGraph.constructor_new(NETWORK, logger)
    const decay = ldk.ProbabilisticScoringDecayParameters.constructor_default()
    const scorer = ldk.ProbabilisticScorer.constructor_new(decay, graph, logger)
    const score = ldk.MultiThreadedLockableScore.constructor_new(scorer.as_Score())
    const scoring = ldk.ProbabilisticScoringFeeParameters.constructor_default()
    const lockable = score.as_LockableScore()
    const router = ldk.DefaultRouter.constructor_new(graph, logger, entropy, lockable, scoring)
    const messageRouter = ldk.DefaultMessageRouter.constructor_new(graph, entropy)
    const routers = [router.as_Router(), messageRouter.as_MessageRouter()] as const
    // What a channel manager takes, new or read.
    const secrets = [entropy, nodeSigner, signers] as const
    const services = [fees, watch, broadcaster, ...routers, logger] as const
    const config = userConfig()

    const stored = store.manager()
    if (stored) {
      const monitors = store.monitors().map(monitor => {
        const read = ldk.UtilMethods.constructor_C2Tuple_ThirtyTwoBytesChannelMonitorZ_read(
          monitor.whole,
          entropy,
          signers
        )
        if (!(read instanceof ldk.Result_C2Tuple_ThirtyTwoBytesChannelMonitorZDecodeErrorZ_OK)) {
          throw new Error('a stored channel monitor cannot be read')
        }
        const whole = read.res.get_b()
        replay(whole, monitor, update => whole.update_monitor(update, broadcaster, fees, logger).is_ok())
        return whole
      })
      const read = ldk.UtilMethods.constructor_C2Tuple_ThirtyTwoBytesChannelManagerZ_read(
        stored,
        ...secrets,
        ...services,
        config,
        monitors
      )
      if (!(read instanceof ldk.Result_C2Tuple_ThirtyTwoBytesChannelManagerZDecodeErrorZ_OK)) {
        throw new Error('the stored channel manager cannot be read')
      }
      this.manager = read.res.get_b()
      for (const monitor of monitors) {
        const watched = watch.watch_channel(monitor.get_funding_txo().get_a(), monitor)
        if (!watched.is_ok()) throw new Error('the chain monitor refused a stored channel')
      }
    } else {
      const best = ldk.BestBlock.constructor_new(FIRST_BLOCK, PLAY_HEIGHT)
      this.manager = ldk.ChannelManager.constructor_new(
        ...services,
        ...secrets,
        config,
        ldk.ChainParameters.constructor_new(NETWORK, best),
        now
      )
    }
    this.nodeId = Buffer.from(this.manager.get_our_node_id())
    const ignorer = ldk.IgnoringMessageHandler.constructor_new()
    this.gossip = ignorer.as_RoutingMessageHandler()
    this.peers = ldk.PeerManager.constructor_new(
      this.manager.as_ChannelMessageHandler(),
      this.gossip,
      ignorer.as_OnionMessageHandler(),
      ignorer.as_CustomMessageHandler(),
      now,
      entropy.get_secure_random_bytes(),
      logger,
      nodeSigner
    )
    const taken = ldk.Result_NoneReplayEventZ.constructor_ok()
    this.#handler = ldk.EventHandler.new_impl({
      handle_event: event => {
        this.#events.push(event)
        return taken
      }
    })
    this.#confirms = [this.manager.as_Confirm(), this.#chainMonitor.as_Confirm()]
    this.#providers = [this.manager.as_EventsProvider(), this.#chainMonitor.as_EventsProvider()]
    this.held = [logger, fees, broadcaster, keys, persister, scorer, score, router, messageRouter, ignorer]
  }

  /** Sets LDK's clock, which is the time of the last block header. */
  setTime(ms: number): void {
    const header = headerAt(Math.floor(ms / 1000))
    for (const confirm of this.#confirms) confirm.best_block_updated(header, PLAY_HEIGHT)
  }

  /** Lets LDK process its work and returns the resulting events; the caller frees them. */
  takeEvents(): ldk.Event[] {
    this.peers.process_events()
    for (const provider of this.#providers) provider.process_pending_events(this.#handler)
    return this.#events.splice(0)
  }

  /** Stages the manager when it has changed or when other staged data must be consistent with it. */
  stage(): void {
    if (this.manager.get_and_clear_needs_persistence() || this.#store.dirty) {
      this.#store.stageManager(this.manager.write())
    }
  }

  /** Deletes the monitor of a closed channel over which nothing was paid. Without a chain it has nothing to watch. */
  forgetMonitor(outpoint: ldk.OutPoint): void {
    const id = idOf(outpoint)
    this.#forgotten.add(id)
    this.#store.dropMonitor(id)
  }

  #persister(): ldk.Persist {
    const completed = ldk.ChannelMonitorUpdateStatus.LDKChannelMonitorUpdateStatus_Completed
    const store = this.#store
    return ldk.Persist.new_impl({
      persist_new_channel: (outpoint, monitor) => {
        store.stageMonitor(takeId(outpoint), monitor.write())
        free(monitor, 'ChannelMonitor')
        return completed
      },
      update_persisted_channel: (outpoint, update, monitor) => {
        const id = takeId(outpoint)
        if (this.#forgotten.has(id)) {
          // its channel is closed
        } else if (present(update) && !store.wantsWhole(id)) {
          store.stageUpdate(id, update.get_update_id(), update.write())
        } else store.stageMonitor(id, monitor.write())
        free(update, 'ChannelMonitorUpdate')
        free(monitor, 'ChannelMonitor')
        return completed
      },
      archive_persisted_channel: outpoint => store.dropMonitor(takeId(outpoint))
    })
  }
}

function idOf(outpoint: ldk.OutPoint): string {
  return `${hex(outpoint.get_txid())}:${outpoint.get_index()}`
}

function takeId(outpoint: ldk.OutPoint): string {
  const id = idOf(outpoint)
  free(outpoint, 'OutPoint')
  return id
}

function replay(
  whole: ldk.ChannelMonitor,
  { updates }: StoredMonitor,
  apply: (update: ldk.ChannelMonitorUpdate) => boolean
): void {
  const latest = whole.get_latest_update_id()
  for (const bytes of updates) {
    const read = ldk.ChannelMonitorUpdate.constructor_read(bytes)
    if (!(read instanceof ldk.Result_ChannelMonitorUpdateDecodeErrorZ_OK)) {
      throw new Error('a stored channel update cannot be read')
    }
    if (read.res.get_update_id() > latest && !apply(read.res)) {
      throw new Error('a stored channel update cannot be applied')
    }
  }
}
