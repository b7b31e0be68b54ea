import ReadyResource from 'ready-resource'
import { formatKey } from '../../contracts/keys/key.js'
import { Home } from '../identity/home.js'
import type { HomeLock } from '../identity/lock.js'
import { ControlServer } from './control-server.js'
import { controlPath } from './control-path.js'
import { openProductNode } from './node-port.js'
import type { Address, OpenNode, RunningNode } from './node-port.js'

export interface DaemonOptions {
  /** Folder of the home. */
  home: string
  bootstrap: Address[] | null
  onnote?: (note: string) => void
  onfault?: (error: unknown) => void
  /** Another node than the product's own, in tests. */
  openNode?: OpenNode
}

/** What `up` says when it serves. */
export interface Ready {
  event: 'ready'
  device: string
  identity: string
  pid: number
  host: string
  port: number
  /** Key of the market in use, or null. */
  market: string | null
}

/** A node that serves until it is closed: lock, node and control socket, opened in that order. */
export class Daemon extends ReadyResource {
  readonly #options: DaemonOptions
  #home: Home | null = null
  #lock: HomeLock | null = null
  #node: RunningNode | null = null
  #control: ControlServer | null = null

  constructor(options: DaemonOptions) {
    super()
    this.#options = options
  }

  protected override async _open(): Promise<void> {
    const { bootstrap, onnote, onfault, openNode = openProductNode } = this.#options
    const home = await Home.open(this.#options.home)
    const control = controlPath(home.dir)
    this.#home = home
    this.#lock = await home.lock({ pid: process.pid, command: 'up', control })
    try {
      const listeners = { ...(onnote ? { onnote } : {}), ...(onfault ? { onfault } : {}) }
      this.#node = await openNode({ home, bootstrap, serve: true, ...listeners })
      this.#control = new ControlServer(this.#node, control)
      await this.#control.ready()
    } catch (error) {
      await this.#end()
      throw error
    }
  }

  protected override async _close(): Promise<void> {
    await this.#end()
  }

  async #end(): Promise<void> {
    try {
      await this.#control?.close()
      await this.#node?.close()
    } finally {
      this.#lock?.release()
    }
  }

  async describe(): Promise<Ready> {
    const node = this.#node!
    const context = { onProgress: () => undefined, signal: new AbortController().signal }
    const { markets } = await node.call('market.list', {}, context)
    return {
      event: 'ready',
      device: node.device,
      identity: formatKey(this.#home!.identity),
      pid: process.pid,
      host: node.host,
      port: node.port,
      market: markets.find(market => market.used)?.key ?? null
    }
  }
}

/** What `up` would start with; throws as it would, and starts nothing. */
export async function checkDaemon(dir: string): Promise<{ device: string; identity: string }> {
  const home = await Home.open(dir)
  const lock = await home.lock({ pid: process.pid, command: 'up --dry-run', control: null })
  lock.release()
  return { device: formatKey(home.device.publicKey), identity: formatKey(home.identity) }
}
