import { randomBytes } from 'node:crypto'
import type { Job, JobTerms } from '#spec'
import { BLOB_BLOCK_BYTES } from '../../contracts/job.js'
import { MIB } from '../../contracts/money/quantity.js'
import { DEFAULT_LIMITS } from '../../src/compute/sandbox/job.js'
import { JOB } from '../../src/compute/job/job-state.js'
import type { JobStateName } from '../../src/compute/job/job-state.js'

/** An identity: any 32 bytes. */
export const BUYER = randomBytes(32)

/** Terms without signatures. */
export function terms(inputBytes: number, buyer = randomBytes(32), sha256 = randomBytes(32)): JobTerms {
  const blob = (byteLength: number, of: Buffer): JobTerms['input'] => {
    return { key: of, length: Math.ceil(byteLength / BLOB_BLOCK_BYTES), byteLength, sha256: of }
  }
  const lightning = Buffer.alloc(33, 2)
  const party = (identity: Buffer) => ({ identity, device: identity, lightning })
  return {
    ...{ version: 1, nonce: randomBytes(32), market: BUYER, ask: BUYER, network: 'play-1' },
    ...{ buyer: party(buyer), provider: party(BUYER), fuel: 'fuel/1', isolation: 'process' },
    ...{ module: blob(MIB, BUYER), input: blob(inputBytes, sha256), args: [], seed: BUYER },
    limits: DEFAULT_LIMITS,
    ...{ price: 1n, baseMsat: 1n, firstInstallmentMsat: 1n, maxInstallmentMsat: 1n, maxMsat: 1_000n },
    ...{ countersignBy: 1, startBy: 2 }
  }
}

/** A provider's record of a job. */
export function agreed(terms: JobTerms, state: JobStateName = 'AGREED'): Job {
  const signature = Buffer.alloc(64)
  return { role: 'provider', state: JOB[state], created: 0, changed: 0, runs: 0, terms, signature }
}
