import type { Address } from '../../../../src/network/network.js'
import type { Child } from '../../../world/child.js'
import type { Children } from '../../../world/children.js'

/** Options of the child process. */
export interface NodeProcessOptions {
  home: string
  bootstrap: Address[]
  role: 'provider' | 'buyer'
}

export type ChildMessage = { event: string } & Record<string, unknown>

/** A node in a child process that can be killed and started again. */
export class NodeProcess {
  readonly #children: Children
  readonly #options: NodeProcessOptions
  #child: Child | null = null

  constructor(children: Children, role: NodeProcessOptions['role'], bootstrap: Address[]) {
    this.#children = children
    this.#options = { home: children.at(role), bootstrap, role }
  }

  async start(): Promise<void> {
    this.#child = this.#children.fork(new URL('./node-child.js', import.meta.url), { options: this.#options })
    await this.next(said => said.event === 'ready')
  }

  /** The next message that matches. Rejects at a fault of the node. */
  async next(is: (said: ChildMessage) => boolean): Promise<ChildMessage> {
    const said = await this.#child!.next<ChildMessage>(said => said.event === 'failed' || is(said))
    if (said.event === 'failed') throw new Error(`${this.#options.role}: ${String(said['message'])}`)
    return said
  }

  /** Gives an order; the answer comes when it was carried out. */
  ask<T>(what: string, more: Record<string, unknown> = {}): Promise<T> {
    return this.#child!.ask<T>({ do: what, ...more })
  }

  /** Gives an order that a kill may end. */
  tell(what: string, more: Record<string, unknown> = {}): void {
    this.ask(what, more).catch(() => undefined) // a fault of the node is an event too
  }

  /** Kills it with SIGKILL. */
  async kill(): Promise<void> {
    await this.#child?.kill('SIGKILL')
  }
}
