import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lab } from '../test/system/network/lab.js'
import type { Scope } from '../test/world/children.js'
import { World } from '../test/world/world.js'

/** Runs work with a temporary folder that is removed afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-bench-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

/** Runs work in a private network of the executable's own processes, which end with it. */
export async function inWorld<T>(work: (world: World) => Promise<T>): Promise<T> {
  return inScope(async scope => work(await World.open(scope)))
}

/** Runs work in an internet of network namespaces, which is gone afterwards. */
export async function inLab<T>(work: (lab: Lab) => Promise<T>): Promise<T> {
  return inScope(async scope => work(await Lab.open(scope)))
}

async function inScope<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const endings: (() => unknown)[] = []
  try {
    return await work({ after: ending => void endings.push(ending) })
  } finally {
    for (const ending of endings) await ending()
  }
}

/** Runs work in a world with a market, these providers of 8 GiB each, and `buyer` in it. */
export async function inMarket<T>(
  { price, providers }: { price: string; providers: string[] },
  work: (world: World) => Promise<T>
): Promise<T> {
  return inWorld(async world => {
    const market = await world.found('founder', 'main')
    for (const name of providers) await world.seller(name, market, price, '--space', '8GiB')
    await world.init('buyer')
    await world.ok('buyer', ['market', 'join', market])
    return work(world)
  })
}

/** A child process of the bench that exchanges JSON messages. */
export class Actor {
  readonly #child: ChildProcess
  readonly #inbox: unknown[] = []
  #wake: (() => void) | null = null
  #ended = false

  /** `script` is a file under bench/, without its suffix. */
  constructor(script: string, order: object) {
    const path = fileURLToPath(new URL(`./${script}.js`, import.meta.url))
    this.#child = fork(path, [JSON.stringify(order)])
    this.#child.on('message', message => {
      this.#inbox.push(message)
      this.#wake?.()
    })
    this.#child.once('exit', () => {
      this.#ended = true
      this.#wake?.()
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  get isRunning(): boolean {
    return !this.#ended
  }

  tell(message: object): void {
    this.#child.send(message)
  }

  /** The next message of the actor. */
  async hear<T>(): Promise<T> {
    while (this.#inbox.length === 0) {
      if (this.#ended) throw new Error('a process of the bench ended early')
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    return this.#inbox.shift() as T
  }

  async end(): Promise<void> {
    if (this.#ended) return
    const gone = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }
}

/** The options with which the actor was started. */
export function orderOf<T>(): T {
  return JSON.parse(process.argv[2]!) as T
}

/** Sends a message from an actor to its bench. */
export function answer(message: object): void {
  process.send!(message)
}
