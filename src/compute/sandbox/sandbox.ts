import ReadyResource from 'ready-resource'
import { BushelError } from '../../../contracts/errors/error.js'
import { Attempt } from './attempt.js'
import type { AttemptOptions } from './attempt.js'
import { Child } from './child.js'
import type { Isolation, Shape } from './command.js'
import { nothing } from './endings.js'
import { bubblewrapStart, processStart } from './isolation.js'
import type { Start } from './isolation.js'
import type { Wall } from './walls/walls.js'
import { DEFAULT_LIMITS, faultOf, givenBytes, mostBytes } from './job.js'
import type { SandboxLimits, Outcome, SandboxJob } from './job.js'

export { bestIsolation, bestWalls } from './isolation.js'
export { DEFAULT_LIMITS } from './job.js'
export type { SandboxFile, SandboxLimits, Outcome, SandboxJob } from './job.js'
export type { Isolation } from './command.js'
export type { AttemptOptions } from './attempt.js'
export { WALLS } from './walls/walls.js'
export type { Wall } from './walls/walls.js'

export interface SandboxOptions {
  /** By default `bwrap` where bubblewrap works, else `process`. */
  isolation?: Isolation
  /** Number of started guests that wait for a job. */
  warm?: number
  /** Niceness of the guests; 19 is the lowest priority. */
  nice?: number
  /** Additional flags for the guests' node. */
  flags?: readonly string[]
}

const PAGE_BYTES = 64 << 10
/** What a job brings along at the most to run in a guest that was started before it came. */
const USUAL_GIVEN_BYTES = 128 << 20
/** Processor time for starting the process, beyond the job's limits, s. */
const SPARE_SECONDS = 30

/**
 * Runs untrusted modules, each in a single-use process. The guest counts fuel, output and inodes; the host watches wall
 * time, processor time and memory of the process. Every message of a guest is checked.
 */
export class Sandbox extends ReadyResource {
  readonly #options: Required<Omit<SandboxOptions, 'isolation'>>
  readonly #wanted: Isolation | undefined
  readonly #closing = new AbortController()
  readonly #children = new Set<Child>()
  readonly #runs = new Set<Promise<Outcome>>()
  #warm: Child[] = []
  #start: Start = processStart

  constructor({ isolation, warm = 1, nice = 19, flags = [] }: SandboxOptions = {}) {
    super()
    this.#wanted = isolation
    this.#options = { warm, nice, flags }
  }

  /** Known once the sandbox is ready. */
  get isolation(): Isolation {
    return this.#start.isolation
  }

  /** What stands around its guests; known once the sandbox is ready. */
  get walls(): readonly Wall[] {
    return this.#start.walls
  }

  protected override async _open(): Promise<void> {
    const bubblewrap = this.#wanted === 'process' ? null : await bubblewrapStart()
    if (this.#wanted === 'bwrap' && !bubblewrap) {
      throw new BushelError(
        'NO_BUBBLEWRAP',
        'bubblewrap does not work on this machine, so jobs cannot be isolated with it',
        'install the package `bubblewrap` and allow user namespaces'
      )
    }
    this.#start = bubblewrap ?? processStart
    this.#refill()
  }

  /** Resolves when the waiting guests have loaded their code. */
  async warmed(): Promise<void> {
    await this.ready()
    await Promise.all(this.#warm.map(child => child.ready))
  }

  protected override async _close(): Promise<void> {
    this.#closing.abort(new BushelError('CLOSED', 'the sandbox was closed before the job ended'))
    for (const child of this.#children) child.kill()
    await Promise.all([...this.#children].map(child => child.death))
    await Promise.allSettled(this.#runs)
  }

  /**
   * Runs one job to its end. Every fault of the job is an outcome. Rejects when the sandbox itself fails, when `signal` is
   * aborted (with its reason), or when `refuel` fails (with its error).
   */
  async run(job: SandboxJob, options: AttemptOptions = {}): Promise<Outcome> {
    await this.ready()
    const fault = faultOf(job)
    if (fault) return nothing('rejected', null, fault)
    if (job.module.byteLength > job.limits.moduleBytes) {
      return nothing(
        'limit',
        'module',
        `the module is larger than its limit of ${job.limits.moduleBytes} bytes`
      )
    }
    const run = this.#run(job, options)
    this.#runs.add(run)
    try {
      return await run
    } finally {
      this.#runs.delete(run)
    }
  }

  async #run(job: SandboxJob, options: AttemptOptions): Promise<Outcome> {
    const signals = [this.#closing.signal, ...(options.signal ? [options.signal] : [])]
    const signal = AbortSignal.any(signals)
    signal.throwIfAborted()
    const child = this.#take(shapeOf(job.limits, givenBytes(job)))
    try {
      await child.ready.catch((error: unknown) => {
        signal.throwIfAborted()
        throw error
      })
      return await new Attempt(child, job, { ...options, signal }).run()
    } finally {
      child.kill()
      await child.death
      this.#refill()
    }
  }

  /** A waiting guest whose limits suffice, or a new one. */
  #take(shape: Shape): Child {
    this.#warm = this.#warm.filter(child => !child.dead)
    const at = this.#warm.findIndex(
      ({ shape: has }) =>
        has.pages >= shape.pages && has.cpuSeconds >= shape.cpuSeconds && has.bytes >= shape.bytes
    )
    return this.#warm.splice(at, at === -1 ? 0 : 1)[0] ?? this.#spawn(shape)
  }

  #refill(): void {
    while (!this.#closing.signal.aborted && this.#warm.length < this.#options.warm) {
      this.#warm.push(this.#spawn(shapeOf(DEFAULT_LIMITS, USUAL_GIVEN_BYTES)))
    }
  }

  #spawn(shape: Shape): Child {
    const { nice, flags } = this.#options
    const child = new Child(this.#start.command(shape, nice, flags), shape, this.isolation === 'bwrap')
    this.#children.add(child)
    void child.death.then(() => this.#children.delete(child))
    return child
  }
}

function shapeOf(limits: SandboxLimits, given: number): Shape {
  const { memoryBytes, cpuMs, compileMs } = limits
  return {
    bytes: mostBytes(limits, given),
    pages: Math.max(1, Math.floor(memoryBytes / PAGE_BYTES)),
    cpuSeconds: Math.ceil((cpuMs + compileMs) / 1000) + SPARE_SECONDS
  }
}
