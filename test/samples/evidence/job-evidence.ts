import { createHash } from 'node:crypto'
import type { JobEvidence, JobKey, JobOutput, JobResult, JobStatement, JobTerms } from '#spec'
import { BLOB_BLOCK_BYTES, commitmentOf, finalMsat, jobId, keyCommitmentOf } from '../../../contracts/job.js'
import { sumsOfOutput } from '../../../contracts/job-output.js'
import { MIB } from '../../../contracts/money/quantity.js'
import { sign } from '../../../contracts/keys/signature.js'
import { packOutput } from '../../../src/compute/job/job-archive.js'
import { seal } from '../../../src/compute/job/encryption.js'
import type { Person } from '../people.js'
import { partiesOf } from './parties.js'

export const KEY = Buffer.alloc(32, 21)
export const SALT = Buffer.alloc(32, 22)
export const OUTPUT: JobOutput = {
  stdout: Buffer.from('hello\n'),
  stderr: Buffer.alloc(0),
  files: [{ path: 'a/b', bytes: Buffer.from('content') }]
}

export interface Falsification {
  terms?: Partial<JobTerms>
  /** Fields that the provider states falsely. */
  result?: Partial<JobResult>
  /** Fields in which its commitment differs from its statement. */
  committed?: Partial<JobResult>
  key?: Partial<JobKey>
  output?: JobOutput
}

/** What an honest provider signs for a job or, with `deed`, a cheating one. */
export async function jobEvidence(
  buyer: Person,
  provider: Person,
  falsified: Falsification = {}
): Promise<JobEvidence> {
  const output = falsified.output ?? OUTPUT
  const ciphertext = Buffer.concat(await seal(packOutput(output), KEY))
  const terms: JobTerms = { ...termsOf(buyer, provider), ...falsified.terms }
  const agreement = jobId(terms)
  const truth: JobResult = {
    ...{ status: 'ok', limit: '', reason: '', exitCode: 0, fuel: 1_000_000n },
    ...sumsOfOutput(output)
  }
  const result = { ...truth, ...falsified.result }
  const statement: JobStatement = {
    agreement,
    result,
    salt: SALT,
    output: { key: Buffer.alloc(32, 23), ...sizesOf(ciphertext) },
    keyCommitment: keyCommitmentOf(agreement, KEY, SALT),
    finalMsat: finalMsat(terms, result.fuel, 1),
    hash: Buffer.alloc(32, 24)
  }
  const commitment = {
    agreement,
    commitment: commitmentOf(agreement, { ...result, ...falsified.committed }, SALT)
  }
  const key = { agreement, key: KEY, salt: SALT, ...falsified.key }
  return {
    agree: { terms, signature: sign('job-terms', terms, buyer.device) },
    commitment: { commitment, signature: sign('job-commitment', commitment, provider.device) },
    statement: { statement, signature: sign('job-statement', statement, provider.device) },
    key: { key, signature: sign('job-key', key, provider.device) },
    ciphertext
  }
}

function sizesOf(bytes: Buffer): Pick<JobStatement['output'], 'length' | 'byteLength' | 'sha256'> {
  const sha256 = createHash('sha256').update(bytes).digest()
  return { length: Math.ceil(bytes.byteLength / BLOB_BLOCK_BYTES), byteLength: bytes.byteLength, sha256 }
}

function termsOf(buyer: Person, provider: Person): JobTerms {
  const blob = { key: Buffer.alloc(32, 5), length: 1, byteLength: 100, sha256: Buffer.alloc(32, 6) }
  return {
    ...partiesOf(buyer, provider),
    fuel: 'fuel/1',
    isolation: 'bwrap',
    module: blob,
    input: blob,
    args: ['job.wasm'],
    seed: Buffer.alloc(32, 4),
    limits: {
      ...{ wallMs: 1000, cpuMs: 1000, memoryBytes: MIB, moduleBytes: MIB, stdoutBytes: MIB },
      ...{ stderrBytes: MIB, outputBytes: 8 * MIB, inodes: 10, compileMs: 1000 }
    },
    price: 40_000n,
    baseMsat: 1000n,
    firstInstallmentMsat: 5000n,
    maxInstallmentMsat: 40_000n,
    maxMsat: 100_000n,
    countersignBy: 1,
    startBy: 2
  }
}
