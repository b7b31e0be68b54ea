import { formatSize } from '../../../contracts/money/quantity.js'
import type { EndFrame, JobHeader } from '../guest/frames.js'
import type { Child, Death } from './child.js'
import { answer } from './conversation.js'
import { diagnosis, nothing } from './endings.js'
import { MOST_THREADS } from './command.js'
import { MOST_FUEL, givenBytes, mostBytes } from './job.js'
import type { LimitName, Outcome, SandboxJob } from './job.js'
import { Stopwatch } from './stopwatch.js'
import { watch } from './watch.js'
import type { Sample } from './watch.js'

export interface AttemptOptions {
  /**
   * Called when the guest has used its fuel. Returns the next grant, or null to stop the guest (limit `fuel`). The guest
   * waits for the answer; this does not count as wall time.
   */
  refuel?: (used: bigint, missing: bigint) => Promise<bigint | null>
  signal?: AbortSignal
}

const PAGE_BYTES = 64 << 10
/** Time limit for sending the job to the guest and for receiving its result, ms. */
const MOVE_MS = 120_000

type ProcessEnding = Pick<Outcome, 'status' | 'limit' | 'reason'>

/** Runs one job in one child process. */
export class Attempt {
  readonly #child: Child
  readonly #job: SandboxJob
  readonly #options: AttemptOptions
  readonly #outcome: Promise<Outcome>
  #resolveOutcome: (outcome: Outcome) => void = () => {}
  #fail: (error: unknown) => void = () => {}
  readonly #over = new AbortController()
  readonly #moving: Stopwatch
  readonly #compiling: Stopwatch
  readonly #running: Stopwatch
  #granted: bigint
  #used = 0n
  #asking = false
  #end: EndFrame | null = null
  #killed: ProcessEnding | null = null
  #sample: Sample = { residentBytes: 0, peakBytes: 0, threads: 0, cpuMs: 0 }
  #cpuBefore: number | null = null

  constructor(child: Child, job: SandboxJob, options: AttemptOptions) {
    this.#child = child
    this.#job = job
    this.#options = options
    this.#granted = job.fuel
    this.#outcome = new Promise((resolve, reject) => {
      this.#resolveOutcome = resolve
      this.#fail = reject
    })
    this.#outcome.catch(() => undefined)
    const { compileMs, wallMs } = job.limits
    this.#moving = new Stopwatch(MOVE_MS, () =>
      this.#kill({ status: 'trap', limit: null, reason: 'its data was not transferred in time' })
    )
    this.#compiling = new Stopwatch(compileMs, () =>
      this.#limit('module', `compiling it took longer than its limit of ${compileMs} ms`)
    )
    this.#running = new Stopwatch(wallMs, () =>
      this.#limit('wall', `it ran longer than its limit of ${wallMs} ms`)
    )
  }

  /** Rejects only when `options.signal` is aborted or `options.refuel` fails. */
  async run(): Promise<Outcome> {
    const { signal } = this.#options
    const abort = () => this.#fail(signal!.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      signal?.throwIfAborted()
      this.#listen()
      this.#moving.start()
      await Promise.race([this.#give(), this.#outcome])
      return await this.#outcome
    } finally {
      signal?.removeEventListener('abort', abort)
      for (const watch of [this.#moving, this.#compiling, this.#running]) watch.stop()
      this.#over.abort()
      this.#child.kill()
    }
  }

  async #give(): Promise<void> {
    const { args, module, stdin, files, seed, fuel, limits } = this.#job
    const header: JobHeader = {
      args,
      module: module.byteLength,
      stdin: stdin.byteLength,
      files: files.map(({ path, bytes }) => [path, bytes.byteLength]),
      seed: seed.toString('hex'),
      fuel: String(fuel),
      maxPages: Math.floor(limits.memoryBytes / PAGE_BYTES),
      stdoutBytes: limits.stdoutBytes,
      stderrBytes: limits.stderrBytes,
      outputBytes: limits.outputBytes,
      inodes: limits.inodes
    }
    const text = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(text.byteLength)
    for (const bytes of [length, text, module, stdin, ...files.map(file => file.bytes)]) {
      if (bytes.byteLength > 0) await this.#child.give(bytes)
    }
  }

  #listen(): void {
    this.#child.conversation.expect(this.#job.limits)
    this.#child.listener = {
      loaded: () => {
        this.#moving.stop()
        this.#compiling.start()
        this.#watch()
      },
      compiled: () => {
        this.#compiling.stop()
        this.#running.start()
        this.#cpuBefore = this.#sample.cpuMs
      },
      refuel: (used, missing) => this.#refuel(used, missing),
      ended: end => this.#ended(end),
      done: () => this.#settle(this.#end!),
      broken: error => this.#broken(error.message)
    }
    void this.#child.death.then(death => this.#died(death))
  }

  #watch(): void {
    const { pid } = this.#child
    if (pid === null) return
    const { cpuMs } = this.#job.limits
    const most = mostBytes(this.#job.limits, givenBytes(this.#job))
    const look = (sample: Sample) => {
      // an ending process reports a peak of zero
      this.#sample = { ...sample, peakBytes: Math.max(sample.peakBytes, this.#sample.peakBytes) }
      if (sample.residentBytes > most) {
        this.#limit('memory', `its process occupied more than ${formatSize(most)}`)
      }
      if (sample.threads > MOST_THREADS) this.#broken(`it had more than ${MOST_THREADS} threads`)
      if (this.#cpuMs > cpuMs) this.#limit('cpu', `it used more processor time than its limit of ${cpuMs} ms`)
    }
    watch(pid, this.#over.signal, look).catch((error: unknown) => this.#fail(error))
  }

  /** Processor time since the module began to run, at the last sample, ms. */
  get #cpuMs(): number {
    return this.#cpuBefore === null ? 0 : this.#sample.cpuMs - this.#cpuBefore
  }

  #refuel(used: bigint, missing: bigint): void {
    if (this.#asking) return this.#broken('it asked for fuel twice')
    if (used > this.#granted || missing === 0n || missing >= MOST_FUEL) {
      return this.#broken('it sent an invalid request for fuel')
    }
    this.#used = used
    this.#asking = true
    this.#running.stop()
    const asked = this.#options.refuel?.(used, missing) ?? Promise.resolve(null)
    asked
      .then(async grant => {
        if (grant !== null && (grant <= 0n || this.#granted + grant >= MOST_FUEL)) {
          throw new RangeError(`a grant of ${grant} after ${this.#granted} is out of range`)
        }
        this.#asking = false
        if (this.#over.signal.aborted) return
        this.#granted += grant ?? 0n
        this.#running.start()
        await this.#child.give(answer(grant))
      })
      .catch((error: unknown) => this.#fail(error))
  }

  #ended(end: EndFrame): void {
    if (this.#asking || BigInt(end.fuel) > this.#granted)
      return this.#broken('it used fuel that it did not have')
    this.#compiling.stop()
    this.#running.stop()
    this.#moving.start()
    this.#end = end
  }

  #settle(end: EndFrame): void {
    const { conversation } = this.#child
    this.#resolve({
      status: end.status,
      limit: end.limit,
      reason: end.reason,
      exitCode: end.exitCode,
      fuel: BigInt(end.fuel),
      stdout: conversation.stdout,
      stderr: conversation.stderr,
      files: conversation.files,
      hash: conversation.hash,
      cpuMs: end.cpuMs,
      peakBytes: Math.max(end.peakBytes, this.#sample.peakBytes)
    })
  }

  #died(death: Death): void {
    const { status, limit, reason } = this.#killed ?? diagnosis(death)
    this.#resolve({
      ...nothing(status, limit, reason),
      fuel: this.#used,
      cpuMs: this.#cpuMs,
      peakBytes: this.#sample.peakBytes
    })
  }

  #resolve(outcome: Omit<Outcome, 'wallMs'>): void {
    this.#resolveOutcome({ ...outcome, wallMs: Math.round(this.#running.passed) })
  }

  #limit(limit: LimitName, reason: string): void {
    this.#kill({ status: 'limit', limit, reason })
  }

  #broken(what: string): void {
    this.#kill({ status: 'trap', limit: null, reason: `the sandbox was broken: ${what}` })
  }

  #kill(ending: ProcessEnding): void {
    this.#killed ??= ending
    this.#child.kill()
  }
}
