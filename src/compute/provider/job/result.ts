import crypto from 'hypercore-crypto'
import type {
  Job,
  JobResult,
  JobStatement,
  SignedJobCommitment,
  SignedJobKey,
  SignedJobStatement
} from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import {
  FINAL_INSTALLMENT,
  MAX_REASON,
  commitmentOf,
  faultOfStatement,
  finalMsat,
  jobId,
  keyCommitmentOf
} from '../../../../contracts/job.js'
import { sign } from '../../../../contracts/keys/signature.js'
import type { Deals } from '../../../deal/deals.js'
import type { Payments } from '../../../payment/payments.js'
import type { Blobs } from '../../blobs/blobs.js'
import { listOf } from './billing.js'
import { oneLine } from '../../../../contracts/text.js'
import { packOutput } from '../../job/job-archive.js'
import type { Outcome } from '../../sandbox/sandbox.js'
import { seal } from '../../job/encryption.js'

/** The signed result of a job, handed over in this order. */
export interface JobOutcome {
  commitment: SignedJobCommitment
  statement: SignedJobStatement
  key: SignedJobKey
}

/** Encrypts the result of a run under a fresh key and signs it; only the ciphertext is kept. */
export async function makeResult(
  { deals, payments, blobs }: { deals: Deals; payments: Payments; blobs: Blobs },
  { terms }: Job,
  outcome: Outcome
): Promise<JobOutcome> {
  const { device } = deals.self
  const agreement = jobId(terms)
  // A segment that fell due just before the end need not be paid.
  await payments.refuseRest(agreement)
  const paid = payments.ledger.contiguous(agreement)
  const [key, salt, keySalt] = [crypto.randomBytes(32), crypto.randomBytes(32), crypto.randomBytes(32)]
  const { ref: output } = await blobs.put(await seal(packOutput(outcome), key))
  const result = resultOf(outcome)
  const last = finalMsat(terms, result.fuel, paid)
  const statement: JobStatement = {
    ...{ agreement, result, salt, output },
    keyCommitment: keyCommitmentOf(agreement, key, keySalt),
    finalMsat: last,
    hash: listOf(payments, agreement, FINAL_INSTALLMENT, last).installments[0]!.hash
  }
  const fault = faultOfStatement(statement, terms, paid)
  if (fault) {
    await blobs.drop(output)
    throw new BushelError('FAILED', `the run cannot be billed: ${fault}`)
  }
  const commitment = { agreement, commitment: commitmentOf(agreement, result, salt) }
  const opening = { agreement, key, salt: keySalt }
  return {
    commitment: { commitment, signature: sign('job-commitment', commitment, device) },
    statement: { statement, signature: sign('job-statement', statement, device) },
    key: { key: opening, signature: sign('job-key', opening, device) }
  }
}

/** The outcome in a provider's statement. */
export function resultOf({ status, limit, reason, exitCode, fuel, hash }: Outcome): JobResult {
  return {
    ...{ status, exitCode, fuel },
    limit: limit ?? '',
    reason: oneLine(reason, MAX_REASON),
    tree: Buffer.from(hash.slice(0, 64), 'hex'),
    stdout: Buffer.from(hash.slice(64), 'hex')
  }
}
