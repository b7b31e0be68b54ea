import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Address } from '../../../../src/network/network.js'

/** Options of the child process. */
export interface NodeProcessOptions {
  home: string
  bootstrap: Address[]
  role: 'provider' | 'buyer'
}

export type ChildMessage = { event: string } & Record<string, unknown>

/** A node in a child process that can be killed and started again. */
export class NodeProcess {
  readonly #options: NodeProcessOptions
  #child: ChildProcess | null = null
  #waiting: {
    is: (said: ChildMessage) => boolean
    resolve: (said: ChildMessage) => void
    reject: (error: Error) => void
  }[] = []

  constructor(options: NodeProcessOptions) {
    this.#options = options
  }

  async start(): Promise<ChildMessage> {
    const script = fileURLToPath(new URL('./node-child.js', import.meta.url))
    const child = fork(script, [JSON.stringify(this.#options)])
    this.#child = child
    child.on('message', (said: ChildMessage) => {
      for (const waiting of [...this.#waiting]) {
        if (!waiting.is(said) && said.event !== 'failed') continue
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        if (waiting.is(said)) waiting.resolve(said)
        else waiting.reject(new Error(`${this.#options.role}: ${String(said['message'])}`))
      }
    })
    child.on('exit', code => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`it ended with ${code}`))
    })
    return this.nextMessage(said => said.event === 'ready')
  }

  /** The next message that matches. */
  nextMessage(is: (said: ChildMessage) => boolean): Promise<ChildMessage> {
    return new Promise((resolve, reject) => this.#waiting.push({ is, resolve, reject }))
  }

  /** Sends a command; gives its answer, an event of the same name. */
  ask(what: string, more: Record<string, unknown> = {}): Promise<ChildMessage> {
    this.tell(what, more)
    return this.nextMessage(said => said.event === what)
  }

  tell(what: string, more: Record<string, unknown> = {}): void {
    this.#child!.send({ do: what, ...more })
  }

  /** Kills it with SIGKILL. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    this.#waiting = []
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}
