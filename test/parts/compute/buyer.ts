import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { encode } from '../../../contracts/schema/codec.js'
import { systemClock } from '../../../src/base/clock.js'
import type { Clock } from '../../../src/base/clock.js'
import type { BushelError } from '../../../contracts/errors/error.js'
import { MIB } from '../../../contracts/money/quantity.js'
import { Jobs } from '../../../src/compute/buyer/jobs.js'
import type { JobsOptions, RunListener, RunRequest } from '../../../src/compute/buyer/jobs.js'
import { DEFAULT_LIMITS } from '../../../src/compute/sandbox/job.js'
import { Experiences } from '../../../src/deal/sellers/experience.js'
import type { Store } from '../../../src/store/store.js'
import { storeIn } from '../store/store-in.js'
import { FakeProviders, blobOf } from './fake-providers.js'
import { faultLog } from '../../doubles/fault-log.js'

export const MARKET = Buffer.alloc(32, 9)
export const never = new AbortController().signal

/** A buyer with its store on disk and scripted providers. */
export class Buyer {
  readonly dir: string
  readonly clock: Clock
  readonly fakes = new FakeProviders()
  readonly notes: string[] = []
  readonly payments: { provider: string; msat: bigint; installment: number }[] = []
  readonly states: { provider: string; state: string }[] = []
  /** Why the limits refuse a payment to a peer or of an amount; null when they allow it. */
  faultOf: JobsOptions['faultOf'] = () => null
  /** The next random draws; 0.999 when they are used up, so that no known provider is checked. */
  draws: number[] = []
  packs = 0
  jobs!: Jobs
  store!: Store
  experiences!: Experiences

  /** `clock` measures the silence of providers. */
  constructor(dir: string, clock = systemClock) {
    this.dir = dir
    this.clock = clock
  }

  static async open(t: Pick<TestContext, 'after'>, clock?: Clock): Promise<Buyer> {
    const buyer = new Buyer(await mkdtemp(join(tmpdir(), 'bushel-jobs-')), clock)
    await buyer.start()
    t.after(async () => {
      await buyer.stop()
      await rm(buyer.dir, { recursive: true, force: true })
    })
    return buyer
  }

  readonly listener: RunListener = {
    note: message => void this.notes.push(message),
    state: ({ provider, state }) => void this.states.push({ provider, state }),
    paid: payment => void this.payments.push(payment)
  }

  async start(unattended = false): Promise<void> {
    this.store = storeIn(join(this.dir, 'store'))
    await this.store.ready()
    this.experiences = new Experiences(this.store, Date.now)
    this.jobs = new Jobs({
      store: this.store,
      folder: join(this.dir, 'compute'),
      hire: this.fakes,
      open: () => Promise.resolve(),
      pack: {
        module: bytes => {
          this.packs++
          return Promise.resolve(blobOf(bytes))
        },
        input: input => Promise.resolve(blobOf(encode('job-input', input)))
      },
      experiences: this.experiences,
      asks: () => Promise.resolve(this.fakes.providers.map(({ ask }) => ask)),
      faultOf: spend => this.faultOf(spend),
      identity: this.fakes.identity,
      now: Date.now,
      clock: this.clock,
      random: () => this.draws.shift() ?? 0.999,
      unattended,
      listener: this.listener,
      log: faultLog(error => {
        throw error
      })
    })
    await this.jobs.ready()
  }

  async stop(): Promise<void> {
    await this.jobs.close()
    await this.store.close()
  }

  run(change: Partial<RunRequest> = {}, signal = never): ReturnType<Jobs['run']> {
    return this.jobs.run(request(change), this.listener, signal)
  }
}

export function request(change: Partial<RunRequest> = {}): RunRequest {
  return {
    market: MARKET,
    name: 'job.wasm',
    module: Buffer.from('a module'),
    input: { stdin: Buffer.alloc(0), files: [] },
    args: ['job.wasm'],
    verify: 1,
    maxMsat: 300_000n,
    offer: null,
    maxPrice: null,
    limits: { ...DEFAULT_LIMITS, memoryBytes: 64 * MIB },
    seed: Buffer.alloc(32, 1),
    isolation: 'any',
    ...change
  }
}

export const code = (expected: string) => (error: unknown) => (error as BushelError).code === expected
