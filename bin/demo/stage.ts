import { join } from 'node:path'
import type { Books, CheckResult, MarketResult } from './answers.js'
import { failureOf } from './processes.js'
import type { BushelProcess, Processes, RunOptions, StartOptions } from './processes.js'
import { short } from './words.js'
import type { Voice } from './voice.js'

export interface StageOptions {
  processes: Processes
  /** Folder of all homes; the caller deletes it. */
  folder: string
  voice: Voice
  signal: AbortSignal
}

/** The nodes of the demo: homes in one folder, and processes of the executable on a private network. */
export class Stage {
  readonly processes: Processes
  readonly folder: string
  readonly voice: Voice
  readonly #signal: AbortSignal

  constructor({ processes, folder, voice, signal }: StageOptions) {
    this.processes = processes
    this.folder = folder
    this.voice = voice
    this.#signal = signal
  }

  home(name: string): string {
    return join(this.folder, name)
  }

  /** Starts a private DHT and the founder of a market. */
  async found(): Promise<MarketResult> {
    const { processes, voice } = this
    const { ready } = await processes.serve(['dht'])
    processes.bootstrap = `${String(ready['host'])}:${String(ready['port'])}`
    voice.say(`   a private DHT on this machine, at ${processes.bootstrap}`)
    const founder = await this.up('founder')
    const market = await this.ask<MarketResult>('founder', ['market', 'create', '--name', 'demo'])
    voice.say(`   ${short(founder.device)} founds the market '${market.name}'`, `   key ${market.key}`)
    return market
  }

  /** Creates a home and runs a node on it; `script` is run instead of the executable. */
  async up(
    name: string,
    options: Pick<StartOptions, 'script'> = {}
  ): Promise<{ device: string; process: BushelProcess }> {
    const { device } = await this.ask<{ device: string }>(name, ['init'])
    const { process } = await this.processes.serve(['up'], { home: this.home(name), ...options })
    this.#signal.throwIfAborted()
    return { device, process }
  }

  /** Runs a node on a home again. */
  async resume(name: string): Promise<BushelProcess> {
    const { process } = await this.processes.serve(['up'], { home: this.home(name) })
    this.#signal.throwIfAborted()
    return process
  }

  /** Runs a command that may end with an exit code, and gives its result. */
  async try<T>(who: string, args: string[]): Promise<T> {
    const { result } = await this.processes.run(args, { home: this.home(who) })
    this.#signal.throwIfAborted()
    return result as T
  }

  /** Watches what a command prints until it is as wanted; rejects when that takes too long. */
  async watch<T>(who: string, args: string[], is: (result: T) => boolean): Promise<T> {
    const watching = this.processes.start(args, { home: this.home(who) })
    try {
      return (await watching.line(line => is(line as T))) as T
    } finally {
      await watching.kill('SIGINT')
      this.#signal.throwIfAborted()
    }
  }

  /** Checks a ledger against its wallet. Rejects when they do not agree. */
  async audit(home: string, who: string): Promise<Books> {
    return { who, check: await this.ask<CheckResult>(home, ['log', '--check']) }
  }

  /** Runs a command on the home of `who` and gives its result. Rejects when it fails. */
  async ask<T>(who: string, args: string[], options: RunOptions = {}): Promise<T> {
    this.#signal.throwIfAborted()
    const finished = await this.processes.run(args, { home: this.home(who), ...options })
    this.#signal.throwIfAborted()
    const failure = failureOf(finished)
    if (failure) throw new Error(`${who}: ${failure.message}${failure.hint && ` (${failure.hint})`}`)
    if (finished.code !== 0) {
      const how = finished.signal ?? `exit code ${finished.code}`
      throw new Error(`${who}: bushel ${args[0]} ended with ${how}; ${finished.stderr.trim()}`)
    }
    return finished.result as T
  }
}
