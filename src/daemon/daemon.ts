import ReadyResource from 'ready-resource'
import { formatKey } from '../../contracts/keys/key.js'
import { Services, declaring } from '../base/services.js'
import type { Service } from '../base/services.js'
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

interface DaemonParts {
  /** Given. */
  options: DaemonOptions
  home: Home
  lock: HomeLock
  node: RunningNode
  control: ControlServer
}

const service = declaring<DaemonParts>()

/** The services of a daemon: opened from top to bottom, closed from bottom to top. */
export const DAEMON_SERVICES: readonly Service<DaemonParts>[] = [
  service('home', ['options'], ({ options }) => Home.open(options.home)),

  service('lock', ['home'], async ({ home }, scope) => {
    const lock = await home.lock({ pid: process.pid, command: 'up', control: controlPath(home.dir) })
    scope.add(() => lock.release())
    return lock
  }),

  service('node', ['options', 'home', 'lock'], async ({ options, home }, scope) => {
    const { bootstrap, onnote, onfault, openNode = openProductNode } = options
    const listeners = { ...(onnote ? { onnote } : {}), ...(onfault ? { onfault } : {}) }
    const node = await openNode({ home, bootstrap, serve: true, ...listeners })
    scope.add(() => node.close())
    return node
  }),

  service('control', ['home', 'node'], ({ home, node }, scope) =>
    scope.open(new ControlServer(node, controlPath(home.dir)))
  )
]

/** A node that serves until it is closed. */
export class Daemon extends ReadyResource {
  readonly #services: Services<DaemonParts>

  constructor(options: DaemonOptions) {
    super()
    this.#services = new Services<DaemonParts>({
      given: { options },
      services: DAEMON_SERVICES,
      onfault: error => options.onfault?.(error)
    })
  }

  protected override async _open(): Promise<void> {
    await this.#services.ready()
  }

  protected override async _close(): Promise<void> {
    await this.#services.close()
  }

  async describe(): Promise<Ready> {
    const { node, home } = this.#services.parts as DaemonParts
    const context = { onProgress: () => undefined, signal: new AbortController().signal }
    const { markets } = await node.call('market.list', {}, context)
    return {
      event: 'ready',
      device: node.device,
      identity: formatKey(home.identity),
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
