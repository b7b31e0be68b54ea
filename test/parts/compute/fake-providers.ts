import { createHash, randomBytes } from 'node:crypto'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import type { JobEvidence, JobOutput, JobResult, JobStatement, JobTerms, SignedJobCommitment } from '#spec'
import type { ErrorCode } from '../../../contracts/errors/error-table.js'
import { BushelError } from '../../../contracts/errors/error.js'
import {
  BLOB_BLOCK_BYTES,
  FINAL_INSTALLMENT,
  commitmentOf,
  finalMsat,
  jobCost,
  jobId,
  keyCommitmentOf
} from '../../../contracts/job.js'
import { sumsOfOutput } from '../../../contracts/job-output.js'
import { MIB } from '../../../contracts/money/quantity.js'
import { sign } from '../../../contracts/keys/signature.js'
import { FUEL_VERSION } from '../../../src/compute/fuel/meter.js'
import { packOutput } from '../../../src/compute/job/job-archive.js'
import { seal } from '../../../src/compute/job/encryption.js'
import type {
  BookedComputeAsk,
  Hire,
  HirePort,
  HireRequest,
  LocalBlob
} from '../../../src/compute/buyer/hire-port.js'

/** How a provider treats every job; by default it is honest. */
export interface Script {
  /** Fields of the result that it states falsely. */
  lie?: Partial<JobResult>
  /** The step at which it fails, and the error code. */
  failAt?: { step: 'agree' | 'commit' | 'reveal' | 'collect'; code: ErrorCode }
  /** Its result is ready only when this resolves. */
  hold?: Promise<unknown>
  /** Paid in segments before it has a result, beside the base, msat. */
  segmentsMsat?: bigint
}

export interface Provider {
  name: string
  ask: BookedComputeAsk
  device: KeyPair
  script: Script
}

export const GOOD: JobOutput = {
  stdout: Buffer.from('done\n'),
  stderr: Buffer.from('a word\n'),
  files: [{ path: 'result.txt', bytes: Buffer.from('42') }]
}
const KEY = randomBytes(32)
const CIPHERTEXT = Buffer.concat(await seal(packOutput(GOOD), KEY))
export const FUEL = 1_000_000_000n

/** The honest result of any job here. */
export const TRUTH: JobResult = {
  status: 'ok',
  limit: '',
  reason: '',
  exitCode: 0,
  fuel: FUEL,
  ...sumsOfOutput(GOOD)
}

/** Scripted providers that sign as real ones do, without a network; `log` has a line for each event. */
export class FakeProviders implements HirePort {
  readonly providers: Provider[] = []
  readonly log: string[] = []
  readonly requests: HireRequest[] = []
  readonly buyer = crypto.keyPair()
  readonly identity = randomBytes(32)
  readonly #hires = new Map<string, ScriptedHire>()
  readonly #waiting: { line: RegExp; resolve: () => void }[] = []

  /** Adds a provider. Prices rise with each one, so that they are tried in the order they were added. */
  add(name: string, script: Script = {}, ask: Partial<BookedComputeAsk> = {}): Provider {
    const device = crypto.keyPair()
    const provider: Provider = {
      name,
      device,
      script,
      ask: {
        id: randomBytes(32),
        identity: randomBytes(32),
        device: device.publicKey,
        revision: 1,
        price: 40_000n + BigInt(this.providers.length) * 1000n,
        baseMsat: 1000n,
        cores: 2,
        memory: 4096 * MIB,
        isolation: 'bwrap',
        fuel: FUEL_VERSION,
        ...ask
      }
    }
    this.providers.push(provider)
    return provider
  }

  agree(request: HireRequest): Promise<Hire> {
    const provider = this.providers.find(({ ask }) => ask.id.equals(request.ask.id))!
    this.say('agree', provider)
    this.requests.push(request)
    failing(provider, 'agree')
    const hire = new ScriptedHire(this, provider, termsOf(this, provider, request))
    this.#hires.set(hire.id.toString('hex'), hire)
    return Promise.resolve(hire)
  }

  resume(id: Buffer): Hire | null {
    return this.#hires.get(id.toString('hex')) ?? null
  }

  get hires(): ScriptedHire[] {
    return [...this.#hires.values()]
  }

  say(step: string, { name }: Provider): void {
    this.log.push(`${step} ${name}`)
    for (const { line, resolve } of this.#waiting) if (line.test(`${step} ${name}`)) resolve()
  }

  /** Resolves when the log has a line that matches. */
  seen(line: RegExp): Promise<void> {
    if (this.log.some(one => line.test(one))) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ line, resolve }))
  }

  count(step: string): number {
    return this.log.filter(line => line.startsWith(`${step} `)).length
  }
}

/** The blob of these bytes, stored nowhere. */
export function blobOf(bytes: Buffer): LocalBlob {
  const sha256 = createHash('sha256').update(bytes).digest()
  const length = Math.ceil(bytes.byteLength / BLOB_BLOCK_BYTES)
  return { ref: { key: randomBytes(32), length, byteLength: bytes.byteLength, sha256 } }
}

function termsOf(fakes: FakeProviders, { ask }: Provider, request: HireRequest): JobTerms {
  const lightning = Buffer.alloc(33, 2)
  return {
    version: 1,
    nonce: randomBytes(32),
    market: request.market,
    ask: ask.id,
    network: 'play-1',
    buyer: { identity: fakes.identity, device: fakes.buyer.publicKey, lightning },
    provider: { identity: ask.identity, device: ask.device, lightning },
    fuel: ask.fuel,
    isolation: ask.isolation,
    module: request.packed.module.ref,
    input: request.packed.input.ref,
    args: request.args,
    seed: request.seed,
    limits: request.limits,
    price: ask.price,
    baseMsat: ask.baseMsat,
    firstInstallmentMsat: request.firstInstallmentMsat,
    maxInstallmentMsat: 1_000_000n,
    maxMsat: request.maxMsat,
    countersignBy: 1,
    startBy: 2
  }
}

function failing({ script, name }: Provider, step: string): void {
  if (script.failAt?.step !== step) return
  throw new BushelError(script.failAt.code, `${name} failed to ${step}`)
}

class ScriptedHire implements Hire {
  readonly id: Buffer
  readonly terms: JobTerms
  paidMsat = 0n
  feesMsat = 0n
  onpaid: Hire['onpaid'] = () => undefined
  state: 'agreed' | 'committed' | 'paid' | 'abandoned' = 'agreed'
  readonly #fakes: FakeProviders
  readonly provider: Provider
  readonly #salt = randomBytes(32)
  readonly #key = KEY
  readonly #ciphertext = CIPHERTEXT

  constructor(fakes: FakeProviders, provider: Provider, terms: JobTerms) {
    this.#fakes = fakes
    this.provider = provider
    this.terms = terms
    this.id = jobId(terms)
  }

  get device(): Buffer {
    return this.provider.ask.device
  }

  get identity(): Buffer {
    return this.provider.ask.identity
  }

  get #result(): JobResult {
    return { ...TRUTH, ...this.provider.script.lie }
  }

  async untilCommitted(
    signal: AbortSignal,
    onprogress: (progress: { state: string; fuel: bigint }) => void
  ): Promise<SignedJobCommitment> {
    const { script } = this.provider
    this.#fakes.say('work', this.provider)
    if (this.paidMsat === 0n) {
      this.#pay(0, this.terms.baseMsat)
      if (script.segmentsMsat) this.#pay(1, script.segmentsMsat)
    }
    onprogress({ state: 'RUNNING', fuel: this.#result.fuel / 2n })
    failing(this.provider, 'commit')
    if (this.state === 'agreed') await Promise.race([script.hold, aborted(signal)])
    signal.throwIfAborted()
    if (this.state === 'agreed') this.state = 'committed'
    this.#fakes.say('commit', this.provider)
    return this.#commitment
  }

  reveal(): Promise<JobStatement> {
    this.#fakes.say('reveal', this.provider)
    failing(this.provider, 'reveal')
    return Promise.resolve(this.#statement)
  }

  collect(): Promise<JobOutput> {
    this.#fakes.say('collect', this.provider)
    this.#pay(FINAL_INSTALLMENT, jobCost(this.terms, this.#result.fuel) - this.paidMsat)
    failing(this.provider, 'collect')
    this.feesMsat = 1n
    this.state = 'paid'
    return Promise.resolve(GOOD)
  }

  #pay(installment: number, msat: bigint): void {
    if (msat <= 0n) return
    this.paidMsat += msat
    this.onpaid({ installment, msat })
  }

  abandon(): Promise<void> {
    this.#fakes.say('abandon', this.provider)
    this.state = 'abandoned'
    return Promise.resolve()
  }

  evidence(): JobEvidence {
    const { device } = this.provider
    const { terms } = this
    const wrongKey = this.provider.script.failAt?.code === 'FALSE_KEY'
    const key = { agreement: this.id, key: wrongKey ? randomBytes(32) : this.#key, salt: this.#salt }
    return {
      agree: { terms, signature: sign('job-terms', terms, this.#fakes.buyer) },
      commitment: this.#commitment,
      statement: { statement: this.#statement, signature: sign('job-statement', this.#statement, device) },
      ...(wrongKey || this.state === 'paid' ? { key: { key, signature: sign('job-key', key, device) } } : {}),
      ciphertext: this.#ciphertext
    }
  }

  get #commitment(): SignedJobCommitment {
    const commitment = { agreement: this.id, commitment: commitmentOf(this.id, this.#result, this.#salt) }
    return { commitment, signature: sign('job-commitment', commitment, this.provider.device) }
  }

  get #statement(): JobStatement {
    const bytes = this.#ciphertext
    return {
      agreement: this.id,
      result: this.#result,
      salt: this.#salt,
      output: blobOfOutput(bytes),
      keyCommitment: keyCommitmentOf(this.id, this.#key, this.#salt),
      finalMsat: finalMsat(this.terms, this.#result.fuel, 1),
      hash: Buffer.alloc(32, 7)
    }
  }
}

export type { ScriptedHire }

function blobOfOutput(bytes: Buffer): JobStatement['output'] {
  return { ...blobOf(bytes).ref, key: Buffer.alloc(32, 8) }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}
