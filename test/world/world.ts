import assert from 'node:assert/strict'
import type {
  BookResult,
  LeaseEntry,
  MirrorResult,
  RestoreResult,
  WalletResult
} from '../../src/node/api/api.js'
import { setUp } from '../../src/daemon/setup.js'
import { failureOf } from '../../bin/demo/processes.js'
import type {
  BushelProcess,
  Ending,
  Failure,
  Finished,
  RunOptions,
  StartOptions
} from '../../bin/demo/processes.js'

import { Children } from './children.js'
import type { Scope } from './children.js'

export type { BookResult, LeaseEntry, MirrorResult, RestoreResult, WalletResult }

/** A home with a running node on it. */
export interface Up {
  name: string
  device: string
  identity: string
  process: BushelProcess
}

/** Where the processes of a person run: in the words of a command that starts them. */
export type Place = (name: string) => readonly string[]

/**
 * A private network of processes of the executable, each person with a home under one temporary folder. All
 * of it is removed when the test ends, however it ends.
 */
export class World {
  readonly processes: Children
  readonly #ups = new Map<string, Up>()
  readonly #place: Place

  private constructor(processes: Children, place: Place = () => []) {
    this.processes = processes
    this.#place = place
  }

  static async open(scope: Scope): Promise<World> {
    const world = new World(await Children.open(scope))
    await world.serveDht()
    return world
  }

  /** Starts the bootstrap node of all processes that are started later. */
  async serveDht(): Promise<void> {
    const { ready } = await this.processes.serve(['dht'])
    this.processes.bootstrap = `${String(ready['host'])}:${String(ready['port'])}`
  }

  /** A world on a network that is there already, with each person at a place of its own. */
  static at(processes: Children, place: Place): World {
    return new World(processes, place)
  }

  /** A world in which `founder` has founded a market. */
  static async withMarket(scope: Scope): Promise<{ world: World; market: string }> {
    const world = await World.open(scope)
    return { world, market: await world.found('founder', 'bazaar') }
  }

  /** A path under the temporary folder. */
  at(...names: string[]): string {
    return this.processes.at(...names)
  }

  /** The home of a person, and where its processes run. */
  #of(name: string): StartOptions {
    return { home: this.at(name), under: this.#place(name) }
  }

  run(name: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.processes.run(args, { ...this.#of(name), ...options })
  }

  /** Starts a command. */
  start(name: string, args: readonly string[]): BushelProcess {
    return this.processes.start(args, this.#of(name))
  }

  /** Runs a command that must succeed; gives its result. */
  async ok<T = Record<string, unknown>>(
    name: string,
    args: readonly string[],
    options: RunOptions = {}
  ): Promise<T> {
    const finished = await this.run(name, args, options)
    const said = `${name}: bushel ${args.join(' ')}: ${JSON.stringify(finished.result)} ${finished.stderr}`
    assert.equal(finished.code, 0, said)
    assert.equal(failureOf(finished), null, said)
    return finished.result as T
  }

  /** Runs a command that must fail with this exit code; gives its failure. */
  async fails(
    name: string,
    args: readonly string[],
    exit: number,
    options: RunOptions = {}
  ): Promise<Failure> {
    const finished = await this.run(name, args, options)
    const said = `${name}: bushel ${args.join(' ')}: ${JSON.stringify(finished.result)} ${finished.stderr}`
    assert.equal(finished.code, exit, said)
    const failure = failureOf(finished)
    assert.ok(failure, said)
    assert.equal(failure.exit, exit, said)
    assert.match(failure.code, /^[A-Z][A-Z_]+$/)
    assert.ok(failure.message.length > 0 && !failure.message.includes('\n'), `one clear line: ${said}`)
    return failure
  }

  async init(name: string, ...args: string[]): Promise<{ device: string; identity: string; words: string }> {
    return await this.ok(name, ['init', ...args])
  }

  /** Starts the node of an existing home. */
  async up(name: string, ...args: string[]): Promise<Up> {
    const { process, ready } = await this.processes.serve(['up', ...args], this.#of(name))
    const up = { name, device: String(ready['device']), identity: String(ready['identity']), process }
    this.#ups.set(name, up)
    return up
  }

  /** A new home, made in this process as `init` makes it in its own. */
  async home(name: string): Promise<void> {
    await setUp({ home: this.at(name) })
  }

  /** A new home with a running node, in a market if one is given. */
  async join(name: string, market?: string): Promise<Up> {
    await this.home(name)
    const up = await this.up(name)
    if (market) await this.ok(name, ['market', 'join', market])
    return up
  }

  /** A new home whose node founds a market; gives the market's key. */
  async found(name: string, market: string, ...args: string[]): Promise<string> {
    await this.join(name)
    const { key } = await this.ok<{ key: string }>(name, ['market', 'create', '--name', market, ...args])
    return key
  }

  /** A new provider with an offer on the book. */
  async seller(
    name: string,
    market: string,
    price: string,
    ...args: string[]
  ): Promise<Up & { ask: string }> {
    const up = await this.join(name, market)
    const { id } = await this.sell(name, price, ...args)
    return { ...up, ask: id }
  }

  async sell(name: string, price: string, ...args: string[]): Promise<{ id: string }> {
    const space = args.includes('--space') ? [] : ['--space', '256MiB']
    return await this.ok(name, ['sell', 'storage', '--price', price, ...space, ...args])
  }

  async leases(name: string): Promise<LeaseEntry[]> {
    return (await this.ok<{ leases: LeaseEntry[] }>(name, ['leases'])).leases
  }

  async wallet(name: string): Promise<{ spendable: bigint; receivable: bigint }> {
    const { spendableMsat, receivableMsat } = await this.ok<WalletResult>(name, ['wallet'])
    return { spendable: BigInt(spendableMsat), receivable: BigInt(receivableMsat) }
  }

  /** Reads the book until it is as wanted, woken by `book --watch`. */
  async book(name: string, is: (book: BookResult) => boolean, ...args: string[]): Promise<BookResult> {
    const watching = this.start(name, ['book', '--watch', ...args])
    try {
      return (await watching.line(
        line => 'asks' in line && is(line as unknown as BookResult)
      )) as unknown as BookResult
    } finally {
      await watching.kill('SIGINT')
    }
  }

  /** Reads the leases until they are as wanted, woken by `leases --watch`. */
  async leasesWhen(name: string, are: (leases: LeaseEntry[]) => boolean): Promise<LeaseEntry[]> {
    const watching = this.start(name, ['leases', '--watch'])
    try {
      const line = await watching.line(line => 'leases' in line && are(line['leases'] as LeaseEntry[]))
      return line['leases'] as LeaseEntry[]
    } finally {
      await watching.kill('SIGINT')
    }
  }

  /** Ends a node in order. */
  async stop(name: string): Promise<Ending> {
    return await this.#ups.get(name)!.process.stop()
  }

  /** Kills a node with SIGKILL. */
  async kill(name: string): Promise<void> {
    await this.#ups.get(name)!.process.kill('SIGKILL')
  }
}
