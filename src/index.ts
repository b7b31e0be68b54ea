import { resolve } from 'node:path'
import { BushelError } from '../contracts/errors/error.js'
import { opened } from './base/scope.js'
import { reachNode } from './daemon/access.js'
import type { ReachedNode } from './daemon/access.js'
import { setUp } from './daemon/setup.js'
import { defaultHome, noDefaultHome } from './identity/default-home.js'
import type { Method, Params, Progress, Result } from './node/api/api.js'

export { BushelError }
export type { Method, Params, Progress, Result }

export interface NodeOptions {
  /** Folder of the home; by default ~/.bushel. */
  home?: string
  /** Addresses of a private DHT; by default the public one. */
  bootstrap?: { host: string; port: number }[]
  /** True: serve in this process as `bushel up` does, until `close`; rejects when a node runs already. */
  serve?: boolean
}

export interface CallOptions {
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
}

export interface HomeOptions {
  /** Folder of the new home; by default ~/.bushel. */
  home?: string
  /** The 24 words of the identity to recover; without them a new identity is made. */
  words?: string
}

export interface NewHome {
  /** The 24 words of a new identity, told this once and stored nowhere; null when they were given. */
  words: string | null
  identity: string
  device: string
}

/** Creates a home with a wallet of play money. Rejects with BushelError: HOME_EXISTS, BAD_HOME, BAD_WORDS. */
export async function createHome({ home, words }: HomeOptions = {}): Promise<NewHome> {
  const made = await setUp({ home: folderOf(home), ...(words === undefined ? {} : { words }) })
  return { words: made.words, identity: made.identity!, device: made.device! }
}

/** A node of this user: the one that runs on the home, or one that lives in this process until it is closed. */
export class Node {
  readonly #node: ReachedNode

  private constructor(node: ReachedNode) {
    this.#node = node
  }

  /** Rejects with BushelError: NO_HOME, ALREADY_RUNNING, and what keeps a node from starting. */
  static async open({ home, bootstrap, serve = false }: NodeOptions = {}): Promise<Node> {
    const access = { home: folderOf(home), bootstrap: bootstrap ?? null, command: 'a program of its own' }
    return new Node(serve ? await serving(access) : await reachNode(access))
  }

  /**
   * Makes a call of docs/api.md. The parameters are checked: BAD_INPUT names the one that is wrong. Fields of the value
   * undefined count as left out.
   */
  async call<M extends Method>(
    method: M,
    params?: Params<M>,
    { onProgress = () => undefined, signal = new AbortController().signal }: CallOptions = {}
  ): Promise<Result<M>> {
    const given = Object.entries(params ?? {}).filter(([, value]) => value !== undefined)
    return await this.#node.call(method, Object.fromEntries(given) as Params<M>, { onProgress, signal })
  }

  /** Closes the node of this process; one that runs elsewhere goes on. */
  async close(): Promise<void> {
    await this.#node.close()
  }
}

async function serving({ home, bootstrap }: Parameters<typeof reachNode>[0]): Promise<ReachedNode> {
  const { Daemon } = await import('./daemon/daemon.js')
  const daemon = await opened(new Daemon({ home, bootstrap }))
  return {
    call: (method, params, context) => daemon.node.call(method, params, context),
    close: () => daemon.close()
  }
}

function folderOf(home: string | undefined): string {
  if (home !== undefined) return resolve(home)
  const own = defaultHome()
  if (own === null) throw noDefaultHome()
  return own
}
