import type { KeyPair } from 'hypercore-crypto'
import type { RefusalBudget } from '../budget.js'
import { VERSION } from './channel.js'
import type { MarketChannel } from './channel.js'
import type { BookLog } from '../log/log.js'
import { MarketPeers } from './market-peers.js'
import type { GateVerdict } from '../relay/gate.js'
import type { Administration } from '../relay/administration.js'
import type { Relaying } from '../relay/relaying.js'
import type { MarketFork } from '#spec'
import { SeenDevices } from '../relay/seen-devices.js'
import type { ViewState } from '../view/listing.js'
import { vouchFor } from '../view/view-head.js'
import { Witness } from '../view/witness.js'

export interface TalkOptions {
  base: BookLog
  device: KeyPair
  budget: RefusalBudget
  /** Called when a peer has exceeded a bound and is cut off. */
  oncutoff: (device: Buffer, bound: string) => void
  relaying: Relaying
  /** A relay's verdict on a record. */
  judge: (record: Buffer) => Promise<GateVerdict>
  administration: Administration
  state: () => ViewState
  now: () => number
  /** Called with the evidence when the founder turns out to have signed two views. */
  onfork: (fork: MarketFork) => Promise<void>
  role: () => 'founder' | 'relay' | 'reader'
  isClosing: () => boolean
  onfault: (error: unknown) => void
}

/** The messages between a market's nodes: hello and heads, and which writers this node follows. */
export class Talk {
  readonly peers: MarketPeers
  readonly seen: SeenDevices
  readonly #options: TalkOptions
  /** The heads announced last. */
  #said = ''
  readonly #witness: Witness
  /** Length of the signed head shown last. */
  #shown = 0
  #forwarder: Buffer | null = null

  constructor(options: TalkOptions) {
    this.#options = options
    this.seen = new SeenDevices(options.now)
    const { base, budget, device, judge, oncutoff, role, state } = options
    const { now, onfork, onfault } = options
    this.#witness = new Witness({ market: base.key, view: () => base.view.core, now, onfork })
    this.peers = new MarketPeers({
      id: base.discoveryKey,
      budget,
      oncutoff,
      hello: () => ({ version: VERSION, writer: base.local.key, head: this.#witness.own }),
      judge: async record => {
        if (role() === 'reader') return { code: 'NO_RELAY', reason: 'this node is not a relay of the market' }
        return await judge(record)
      },
      isRelay: key => this.isRelay(key),
      heads: () => base.heads(),
      viewHead: () => {
        if (role() === 'reader') return null
        return vouchFor(base.view.core, base.key, state().tick, device)
      },
      onheads: channel => this.#consider(channel),
      onsigned: (channel, head) => {
        this.#witness.take(head).then(isSigned => isSigned || channel.refuseHead(), onfault)
      },
      seenAgo: key => this.seenAgo(key)
    })
    this.peers.on('gone', (channel: MarketChannel) => this.seen.left(channel.device))
    this.peers.on('hello', (channel: MarketChannel) => {
      this.seen.came(channel.device, channel.address)
      if (role() !== 'reader') channel.say(base.heads())
      if (this.#forwarder) channel.tellForwarder(this.#forwarder)
      this.#hold()
      this.#consider(channel)
    })
  }

  /** Handles a change of the view: a relay announces its heads, and the heads of the peers are checked again. */
  renew(): void {
    this.#announce()
    this.#show()
    this.#hold()
    for (const channel of this.peers.all) this.#consider(channel)
  }

  /** Tells the peers which forwarder this node has as a relay. */
  forwardBy(forwarder: Buffer | null): void {
    if (forwarder === this.#forwarder || (forwarder && this.#forwarder?.equals(forwarder))) return
    this.#forwarder = forwarder
    for (const channel of this.peers.all) channel.tellForwarder(forwarder)
  }

  #hold(): void {
    const { role, relaying, base } = this.#options
    if (role() === 'relay') relaying.holding.hold(base.view.core)
  }

  /** How long ago this node has seen the device as a relay, ms; null when it has not, or is no relay. */
  seenAgo(device: Buffer): number | null {
    if (this.#options.role() === 'reader') return null
    return device.equals(this.#options.device.publicKey) ? 0 : this.seen.ago(device)
  }

  /** True when a peer has shown a head that the founder has signed and that this node's view does not reach. */
  get isBehindSigned(): boolean {
    return this.#witness.isBehind
  }

  isRelay(device: Buffer): boolean {
    const { rules, relays } = this.#options.state()
    return rules !== null && (rules.founder.equals(device) || relays.has(device.toString('hex')))
  }

  /** A relay announces the heads of all writers, so that records spread before the founder signs them. */
  #announce(): void {
    if (this.#options.role() === 'reader') return
    const heads = this.#options.base.heads()
    const said = heads.map(({ key, length }) => `${key.toString('hex')}/${length}`).join()
    if (said === this.#said) return
    this.#said = said
    this.peers.say(heads)
  }

  /** Every node shows the head that the founder signed last, so that a founder who shows two views is found out. */
  #show(): void {
    const { own } = this.#witness
    if (!own || own.length === this.#shown) return
    this.#shown = own.length
    this.peers.show(own)
    this.#witness.follow().catch(this.#options.onfault)
  }

  #isWriter(key: Buffer): boolean {
    if (key.equals(this.#options.base.key)) return true
    for (const writer of this.#options.state().relays.values()) if (writer.equals(key)) return true
    return false
  }

  /**
   * Follows the admitted writers up to the heads that a relay announces; blocks of other writers are not even fetched.
   * Carries out a pending admission of the device.
   */
  #consider(channel: MarketChannel): void {
    const { base, role, administration, isClosing, onfault } = this.#options
    if (isClosing()) return
    if (this.isRelay(channel.device)) {
      const hints = channel.said.filter(({ key }) => this.#isWriter(key))
      if (hints.length > 0) base.hintWakeup(hints)
      channel.said = channel.said.filter(head => !hints.includes(head))
    } else if (role() === 'founder') {
      administration.carryOut(channel).catch(onfault)
    }
  }
}
