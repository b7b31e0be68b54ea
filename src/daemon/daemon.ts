import ReadyResource from 'ready-resource'
import type { BushelError } from '../../contracts/errors/error.js'
import { formatKey } from '../../contracts/keys/key.js'
import { Services, declaring } from '../base/services.js'
import type { Service } from '../base/services.js'
import { Home } from '../identity/home.js'
import type { HomeLock } from '../identity/lock.js'
import { ControlServer } from './control-server.js'
import { controlPath } from './control-path.js'
import { openProductNode } from './node-port.js'
import type { Address, OpenNode, RunningNode } from './node-port.js'
import { freePort } from './bootstrap-node.js'
import { reachText, reachWarning } from '../network/reach/reachability.js'
import type { Reach } from '../network/reach/reachability.js'
import { openLog } from './log/open-log.js'
import type { NodeCaller } from '../node/api/api.js'
import type { LogSettings, OpenLog, PlainLine } from './log/open-log.js'
import { version } from '../base/version.js'
import { messageOf } from '../base/logger.js'
import type { Fields, Logger } from '../base/logger.js'

export interface DaemonOptions {
  /** Folder of the home. */
  home: string
  bootstrap: Address[] | null
  /** The address of this machine to bind, and the UDP port; by default all of them, and any one. */
  host?: string | undefined
  port?: number | undefined
  /** False: it does not forward, whatever the home says. */
  forwards?: boolean | undefined
  /** Overrides of the home's log settings. */
  log?: LogSettings
  /** Hears every line of the log; `kept` is false for one that the disk did not take. */
  onlog?: (line: PlainLine, kept: boolean) => void
  /** Called when the node cannot go on: who opened the daemon closes it. */
  onfailed?: (error: BushelError) => void
  /** Another node than the product's own, in tests. */
  openNode?: OpenNode
}

/** What `up` reports when it is ready. */
export interface Ready {
  event: 'ready'
  device: string
  identity: string
  pid: number
  /** Where others see this node; null when nobody has said. */
  host: string | null
  /** Null when it is another one for each. */
  port: number | null
  reach: Reach
  /** What the network looks like from here, for people. */
  network: string
  /** What keeps others from reaching this node; null: nothing. */
  warning: string | null
  /** Key of the market in use, or null. */
  market: string | null
}

interface DaemonParts {
  /** Given. */
  options: DaemonOptions
  home: Home
  lock: HomeLock
  log: OpenLog
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

  service('log', ['options', 'home', 'lock'], ({ options, home }, scope) => {
    const { log: settings, onlog } = options
    const opened = openLog(home, { ...settings, ...(onlog ? { onlog } : {}) })
    scope.add(() => opened.close())
    // What ends the process is in the log before it does.
    const onuncaught = (error: Error): void => opened.log.child('uncaught').fault(error)
    process.on('uncaughtExceptionMonitor', onuncaught)
    scope.add(() => process.off('uncaughtExceptionMonitor', onuncaught))
    const { publicKey: device } = home.device
    opened.log.info('node starts', { version: version(), pid: process.pid, device, home: home.dir })
    scope.add(() => opened.log.info('node stopped'))
    return opened
  }),

  service('node', ['options', 'home', 'lock', 'log'], async ({ options, home, log: { log } }, scope) => {
    const { bootstrap, host, port, forwards, openNode = openProductNode } = options
    if (port !== undefined) await freePort(port, host)
    const asked = { bootstrap, host, port, forwards }
    const node = await opening(log, () => openNode({ home, ...asked, serve: true, log }))
    scope.add(() => closing(log, () => node.close()))
    if (options.onfailed) node.on('failed', options.onfailed)
    return node
  }),

  service('control', ['home', 'lock', 'log', 'node'], async ({ home, lock, log: { log }, node }, scope) => {
    const control = new ControlServer(node, controlPath(home.dir), log.child('control'))
    scope.add(() => closing(log, () => control.close()))
    await opening(log, () => control.ready())
    const tell = (isUp: boolean): void =>
      lock.tell({ pid: process.pid, command: 'up', control: control.path, isUp })
    tell(true)
    scope.add(() => tell(false))
    const { reach, host, port } = node.reachability
    log.info('node is up', { host, port, reach })
    return control
  })
]

/** A node that serves until it is closed. */
export class Daemon extends ReadyResource {
  readonly #services: Services<DaemonParts>

  constructor(options: DaemonOptions) {
    super()
    this.#services = new Services<DaemonParts>({
      given: { options },
      services: DAEMON_SERVICES,
      onfault: error => this.#fault(error)
    })
  }

  protected override async _open(): Promise<void> {
    await this.#services.ready()
  }

  protected override async _close(): Promise<void> {
    await this.#services.close()
  }

  /** Logs a failure to close after everything is closed, for which it opens the log again. */
  #fault(error: unknown): void {
    const { log: opened } = this.#services.parts
    opened?.log.fault(error)
    opened?.close()
  }

  /** The node that it runs, once it is ready. */
  get node(): NodeCaller {
    return (this.#services.parts as DaemonParts).node
  }

  async describe(): Promise<Ready> {
    const { node, home } = this.#services.parts as DaemonParts
    const context = { onProgress: () => undefined, signal: new AbortController().signal }
    const { markets } = await node.call('market.list', {}, context)
    const { reachability } = node
    return {
      event: 'ready',
      device: node.device,
      identity: formatKey(home.identity),
      pid: process.pid,
      host: reachability.host,
      port: reachability.port,
      reach: reachability.reach,
      network: reachText(reachability),
      warning: reachWarning(reachability),
      market: markets.find(market => market.used)?.key ?? null
    }
  }
}

/** Checks what `up` would start with; throws as `up` would, and starts nothing. */
export async function checkDaemon(dir: string): Promise<{ device: string; identity: string }> {
  const home = await Home.open(dir)
  const lock = await home.lock({ pid: process.pid, command: 'up --dry-run', control: null })
  lock.release()
  return { device: formatKey(home.device.publicKey), identity: formatKey(home.identity) }
}

/** The command itself tells its user of the error; the log has when it was. */
async function opening<T>(log: Logger, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    log.info('node did not start', reasonOf(error))
    throw error
  }
}

async function closing(log: Logger, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    log.info('node did not stop in order', reasonOf(error))
    throw error
  }
}

/** Of what the command itself tells its user. */
function reasonOf(error: unknown): Fields {
  return { reason: messageOf(error), stack: error instanceof Error ? error.stack : null }
}
