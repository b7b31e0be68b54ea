import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import { Processes, cleanEnvironment } from '../../bin/demo/processes.js'
import type { Address } from '../../src/network/network.js'
import { Child } from './child.js'
import { whenStopped } from './stopping.js'

/** A test, or a file of tests when `after` is that of `node:test`. */
export interface Scope {
  after(done: () => unknown): void
  readonly passed?: boolean
}

export interface ChildOptions {
  /** Flags of Node. */
  flags?: string[]
  args?: string[]
  /** Options for `optionsOf` in the script. */
  options?: unknown
  env?: Record<string, string>
  input?: string
  cwd?: string
  /** The words of a command that starts it, such as `ip netns exec NAME`. */
  under?: readonly string[]
}

/**
 * The processes of a test, with a temporary folder and, when wanted, a private DHT. All of it is gone after the test,
 * however that ends; when it fails, what the processes printed last is shown.
 */
export class Children extends Processes {
  readonly dir: string
  readonly #works: (() => unknown)[] = []
  #testnet: Testnet | null = null

  private constructor(dir: string) {
    super()
    this.dir = dir
  }

  static async open(scope: Scope): Promise<Children> {
    const children = new Children(await mkdtemp(join(tmpdir(), 'bushel-test-')))
    const failedBefore = process.exitCode
    const forget = whenStopped(() => {
      children.killAll()
      rmSync(children.dir, { recursive: true, force: true, maxRetries: 5 })
    })
    scope.after(async () => {
      const failed = scope.passed === false || (process.exitCode && !failedBefore)
      if (failed) children.#report()
      for (const work of children.#works.reverse()) await work()
      await children.close()
      await children.#testnet?.destroy()
      await rm(children.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
      forget()
    })
    return children
  }

  /** Does this at the end, while the processes, the DHT and the folder are still there; the last given comes first. */
  beforeEnd(work: () => unknown): void {
    this.#works.push(work)
  }

  /** A path under the temporary folder. */
  at(...names: string[]): string {
    return join(this.dir, ...names)
  }

  /** Starts a private DHT; gives the addresses of its bootstrap nodes. */
  async testnet(): Promise<Address[]> {
    this.#testnet = await createTestnet(2, { host: '127.0.0.1' })
    return this.#testnet.bootstrap
  }

  /** Starts a built script, such as `new URL('./script.js', import.meta.url)`, with a channel for messages. */
  fork(script: URL, options: ChildOptions = {}): Child {
    const path = fileURLToPath(script)
    const order = options.options === undefined ? [] : [JSON.stringify(options.options)]
    const args = [...order, ...(options.args ?? [])]
    return this.#node(basename(path), [...(options.flags ?? []), path, ...args], { ...options, ipc: true })
  }

  /** Runs code of an ES module. */
  code(text: string): Child {
    return this.#node('code', ['--input-type=module', '-e', text], {})
  }

  /** Starts a script without a channel, as a user would. */
  script(path: string, options: ChildOptions = {}): Child {
    const args = options.args ?? []
    return this.#node([basename(path), ...args].join(' '), [...(options.flags ?? []), path, ...args], options)
  }

  #node(name: string, argv: string[], options: ChildOptions & { ipc?: boolean }): Child {
    const { env, input, cwd, ipc, under } = options
    return this.adopt(
      () =>
        new Child(name, argv, {
          env: { ...cleanEnvironment(), ...env },
          ...(input === undefined ? {} : { input }),
          ...(cwd ? { cwd } : {}),
          ...(under ? { under } : {}),
          ...(ipc ? { ipc } : {})
        })
    )
  }

  #report(): void {
    for (const { command, running, lines, stderr } of this.started) {
      const printed = [...lines.slice(-20).map(line => JSON.stringify(line)), stderr.trim()].filter(Boolean)
      process.stderr.write(`${command} (${running ? 'running' : 'ended'}):\n${printed.join('\n')}\n`)
    }
  }
}
