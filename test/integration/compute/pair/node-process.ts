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
  /** What it has said and nobody has read: it may come together with what was waited for. */
  #unread: ChildMessage[] = []

  constructor(children: Children, role: NodeProcessOptions['role'], bootstrap: Address[]) {
    this.#children = children
    this.#options = { home: children.at(role), bootstrap, role }
  }

  async start(): Promise<void> {
    const child = this.#children.fork(new URL('./node-child.js', import.meta.url), { options: this.#options })
    this.#child = child
    const unread: ChildMessage[] = (this.#unread = [])
    child.on('event', (said: ChildMessage) => unread.push(said))
    await this.next(said => said.event === 'ready')
  }

  /** The next unread message that matches; those before it count as read. Rejects at a fault of the node. */
  async next(is: (said: ChildMessage) => boolean): Promise<ChildMessage> {
    for (;;) {
      for (let said = this.#unread.shift(); said; said = this.#unread.shift()) {
        if (said.event === 'failed') throw new Error(`${this.#options.role}: ${String(said['message'])}`)
        if (is(said)) return said
      }
      await this.#child!.next()
    }
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
