import { createHash } from 'node:crypto'
import crypto from 'hypercore-crypto'
import type { JobEvidence, JobResult, JobStatement, JobTerms } from '#spec'
import { domain, encode, hashOf } from './schema/codec.js'
import { MAX_ARGS } from './schema/counts.js'
import { BushelError } from './errors/error.js'
import {
  MAX_MSAT,
  SAT,
  ceilDiv,
  faultOfLeast,
  formatAmount,
  least,
  leastPaymentOf,
  most
} from './money/money.js'
import { demandPrice, parseAmount } from './money/money.js'
import type { Msat } from './money/money.js'
import { isNodeId } from './keys/node-id.js'
import { GIB, MIB } from './money/quantity.js'
import { verify } from './keys/signature.js'
import { isOneLine } from './text.js'
import { MAX_CLOCK_SKEW, PROTOCOL_VERSION, START_WITHIN } from './terms.js'

/** Prices of compute are kept in msat per Tfuel. */
export const TFUEL = 1_000_000_000_000n
/** The number of the last payment: the rest of the exact cost. The provider gives the output's key for its preimage. */
export const FINAL_INSTALLMENT = 1 << 20
/** Installments double up to this, msat: the most that a provider risks unpaid, except in jobs of MAX_SEGMENTS segments. */
export const INSTALLMENT_CAP = 40n * SAT
/** The most segments of a job. A job with a larger `maxMsat` gets larger installments instead. */
export const MAX_SEGMENTS = 1024
/** Size of the Hypercore blocks in which modules, inputs and outputs are transferred. */
export const BLOB_BLOCK_BYTES = 256 << 10
export const MAX_MODULE_BYTES = 64 * MIB
/** Inputs and outputs are held in memory as a whole. */
export const MAX_BLOB_BYTES = 1 * GIB

export const JOB_STATUS = ['ok', 'trap', 'limit', 'rejected'] as const
/** The limits that can stop a job. */
const JOB_LIMIT = ['wall', 'cpu', 'memory', 'output', 'inodes', 'fuel', 'module'] as const
export const MOST_EXIT_CODE = 2 ** 32 - 1
export const ISOLATION = ['bwrap', 'process'] as const

const MAX_ARGS_BYTES = 4096
export const MAX_REASON = 300

const PRICE = /^\s*(.+?)\s*\/\s*(G|T)fuel\s*$/i

/** Parses a compute price such as `"40 sat/Tfuel"` to msat per Tfuel (10^12 units of fuel). Throws BAD_INPUT. */
export function parseFuelPrice(text: string): Msat {
  const match = text.length <= 64 ? PRICE.exec(text) : null
  if (!match)
    throw new BushelError('BAD_INPUT', `'${text}' is not a compute price`, 'write it as "40 sat/Tfuel"')
  const price = parseAmount(match[1]!) * (match[2]!.toLowerCase() === 'g' ? 1000n : 1n)
  return demandPrice(price, text, '1 msat/Tfuel')
}

export function formatFuelPrice(price: Msat): string {
  return `${formatAmount(price)}/Tfuel`
}

/** The id of a job's agreement: the hash of its canonical terms, without signatures. */
export function jobId(terms: JobTerms): Buffer {
  return hashOf('job-terms', terms)
}

export type JobPrice = Pick<
  JobTerms,
  'price' | 'baseMsat' | 'firstInstallmentMsat' | 'maxInstallmentMsat' | 'maxMsat' | 'leastMsat'
>

/** A payment of `listed` msat, or all that is left when the rest after it could not be paid by itself. */
function withRest(listed: Msat, leftMsat: Msat, terms: JobPrice): Msat {
  return leftMsat - listed < leastPaymentOf(terms) ? leftMsat : listed
}

/** The first payment of a job, which makes it binding, msat: its base, or what has to be paid at the least. */
function firstMsat(terms: JobPrice): Msat {
  return withRest(most(terms.baseMsat, leastPaymentOf(terms)), terms.maxMsat, terms)
}

/**
 * The cost of a job that used `fuel`, msat: the base plus the price of the fuel, rounded up, at least the first payment and
 * at most `maxMsat`.
 */
export function jobCost(terms: JobPrice, fuel: bigint): Msat {
  const { price, baseMsat, maxMsat } = terms
  return least(most(baseMsat + ceilDiv(fuel * price, TFUEL), firstMsat(terms)), maxMsat)
}

/**
 * The payments of a job before its last one, msat: first the base, which makes the agreement binding, then installments
 * that double from `firstInstallmentMsat` to `maxInstallmentMsat` until their sum is `maxMsat`. None is below the least
 * payment: a base below it pays for fuel too, and a smaller rest joins the segment before.
 */
export function jobSegments(terms: JobPrice): Msat[] {
  const { firstInstallmentMsat, maxInstallmentMsat, maxMsat } = terms
  const leastMsat = leastPaymentOf(terms)
  const segments = [firstMsat(terms)]
  let left = maxMsat - segments[0]!
  const cap = most(maxInstallmentMsat, ceilDiv(left, BigInt(MAX_SEGMENTS)), leastMsat)
  let listed = least(most(firstInstallmentMsat, leastMsat), cap)
  for (; left > 0n; listed = least(listed * 2n, cap)) {
    const amount = withRest(listed, left, terms)
    segments.push(amount)
    left -= amount
  }
  return segments
}

/** What an installment of a job pays for: its base, a segment, or the rest of its exact cost. */
export function partOf(installment: number): 'base' | 'segment' | 'rest' {
  if (installment === 0) return 'base'
  return installment === FINAL_INSTALLMENT ? 'rest' : 'segment'
}

/** The sum of the first `count` segments, msat. */
export function segmentsMsat(terms: JobPrice, count: number): Msat {
  return jobSegments(terms)
    .slice(0, count)
    .reduce((sum, msat) => sum + msat, 0n)
}

/**
 * The most fuel that a job may have used when `paidSegments` are paid: that of one segment more, so that at most one
 * installment is unpaid at any time. 0 before the first payment.
 */
export function fuelFor(terms: JobPrice, paidSegments: number): bigint {
  if (paidSegments === 0) return 0n
  const msat = segmentsMsat(terms, paidSegments + 1)
  return ((msat - least(terms.baseMsat, msat)) * TFUEL) / terms.price
}

/** All the fuel that `maxMsat` buys. */
export function mostFuel(terms: JobPrice): bigint {
  return ((terms.maxMsat - least(terms.baseMsat, terms.maxMsat)) * TFUEL) / terms.price
}

/**
 * The last payment, msat: the exact cost less the paid segments; 0 when these cover it, or leave less than the least payment:
 * then the provider forgoes the rest.
 */
export function finalMsat(terms: JobPrice, fuel: bigint, paidSegments: number): Msat {
  const rest = jobCost(terms, fuel) - segmentsMsat(terms, paidSegments)
  return rest < leastPaymentOf(terms) ? 0n : rest
}

/** Memory that the guest process needs for itself, bytes. */
const GUEST_BYTES = 64 * MIB

/**
 * The memory that a job takes on its provider's machine, bytes: its limit of WebAssembly memory, module, input and
 * output, and the guest process.
 */
export function jobMemory({ module, input, limits }: Pick<JobTerms, 'module' | 'input' | 'limits'>): number {
  const { memoryBytes, stdoutBytes, stderrBytes, outputBytes } = limits
  const left = stdoutBytes + stderrBytes + outputBytes
  return memoryBytes + module.byteLength + input.byteLength + left + GUEST_BYTES
}

/** The time that a job may take of its provider's machine: on the clock, and of processors, with compiling, ms. */
export function jobTime({ limits }: Pick<JobTerms, 'limits'>): { wallMs: number; cpuMs: number } {
  return { wallMs: limits.wallMs, cpuMs: limits.cpuMs + limits.compileMs }
}

/** What is wrong with the terms of a job, independent of the two parties; null when they are valid. */
export function faultOfJob(terms: JobTerms): string | null {
  const { module, input, args, limits, price, baseMsat, maxMsat } = terms
  if (terms.version !== PROTOCOL_VERSION) return `version ${terms.version} is not ${PROTOCOL_VERSION}`
  if (!(ISOLATION as readonly string[]).includes(terms.isolation)) return 'its isolation is unknown'
  if (faultOfBlob(module, MAX_MODULE_BYTES) || faultOfBlob(input, MAX_BLOB_BYTES))
    return 'the size of its module or its input is out of bounds'
  const bytes = args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 1, 0)
  if (args.length > MAX_ARGS || bytes > MAX_ARGS_BYTES)
    return `it has more than ${MAX_ARGS_BYTES} bytes of arguments`
  if (args.some(arg => arg.includes('\0'))) return 'an argument has a NUL character'
  if (Object.values(limits).some(limit => limit <= 0)) return 'one of its limits is 0'
  if (limits.outputBytes > MAX_BLOB_BYTES || limits.memoryBytes > 4 * GIB)
    return 'its limits are out of bounds'
  if (price < 1n || price > MAX_MSAT) return 'its price is out of bounds'
  const fault = faultOfLeast(terms)
  if (fault) return fault
  if (baseMsat < 1n || maxMsat < most(baseMsat, leastPaymentOf(terms)) || maxMsat > MAX_MSAT)
    return 'its amounts are out of bounds'
  if (terms.firstInstallmentMsat < 1n || terms.maxInstallmentMsat < terms.firstInstallmentMsat)
    return 'its installments are out of bounds'
  if (terms.startBy < terms.countersignBy) return 'its latest start is before its latest countersignature'
  if (terms.startBy - terms.countersignBy > START_WITHIN + MAX_CLOCK_SKEW)
    return 'its latest start is too long after its latest countersignature'
  for (const party of [terms.buyer, terms.provider])
    if (!isNodeId(party.lightning)) return 'a party has no valid Lightning node id'
  return terms.buyer.device.equals(terms.provider.device) ? 'both parties are one device' : null
}

/** True when a blob is larger than `maxBytes`, or its block count does not fit its bytes. */
function faultOfBlob({ length, byteLength }: JobTerms['module'], maxBytes: number): boolean {
  return byteLength > maxBytes || length !== Math.ceil(byteLength / BLOB_BLOCK_BYTES)
}

/** The hash of a result that users see: the SHA-256 of the output tree followed by that of standard output, hex. */
export function resultHash({ tree, stdout }: Pick<JobResult, 'tree' | 'stdout'>): string {
  return tree.toString('hex') + stdout.toString('hex')
}

/** True when two results agree in status, limit, exit code, fuel and output. */
export function sameResult(a: JobResult, b: JobResult): boolean {
  return (
    a.status === b.status &&
    a.limit === b.limit &&
    a.exitCode === b.exitCode &&
    a.fuel === b.fuel &&
    a.tree.equals(b.tree) &&
    a.stdout.equals(b.stdout)
  )
}

/** Commits a provider to its result before it sees another's. The salt prevents anyone from testing guesses. */
export function commitmentOf(agreement: Buffer, result: JobResult, salt: Buffer): Buffer {
  return crypto.hash([domain('job-result-commitment'), agreement, salt, encode('job-result', result)])
}

/** Commits a provider to the key of its encrypted output. */
export function keyCommitmentOf(agreement: Buffer, key: Buffer, salt: Buffer): Buffer {
  return crypto.hash([domain('job-key-commitment'), agreement, salt, key])
}

/** What is wrong with a statement for these terms after `paidSegments` payments; null when it is valid. */
export function faultOfStatement(
  statement: JobStatement,
  terms: JobTerms,
  paidSegments: number
): string | null {
  const { agreement, result, output, finalMsat: last } = statement
  if (!agreement.equals(jobId(terms))) return 'it is for another agreement'
  const fault = faultOfResult(result)
  if (fault) return fault
  if (result.fuel > mostFuel(terms)) return 'it bills more fuel than the agreement allows'
  // A job waits when the fuel of one unpaid segment is used up: nobody pays a large sum at the end for work never shown.
  if (result.fuel > fuelFor(terms, paidSegments))
    return 'it bills more fuel than the paid segments let it use'
  // A segment is due only when the segments before it are used up.
  if (jobCost(terms, result.fuel) < segmentsMsat(terms, paidSegments))
    return 'it was paid for more fuel than it states'
  if (last !== finalMsat(terms, result.fuel, paidSegments))
    return 'its last payment is not the price of its fuel'
  const { stdoutBytes, stderrBytes, outputBytes } = terms.limits
  if (faultOfBlob(output, stdoutBytes + stderrBytes + outputBytes + OUTPUT_OVERHEAD))
    return 'its output is larger than was agreed'
  return null
}

/** What is wrong with a result by itself: no sandbox ends a job like that. */
function faultOfResult({ status, limit, reason, exitCode }: JobResult): string | null {
  if (!(JOB_STATUS as readonly string[]).includes(status)) return 'its status is unknown'
  if (status === 'limit' ? !(JOB_LIMIT as readonly string[]).includes(limit) : limit !== '')
    return 'its limit does not fit its status'
  if (reason.length > MAX_REASON) return 'its reason is too long'
  if (!isOneLine(reason) || (status === 'ok' && reason !== '')) return 'its reason is not valid'
  const isExit = status === 'ok' ? exitCode >= 0 && exitCode <= MOST_EXIT_CODE : exitCode === -1
  return isExit ? null : 'its exit code does not fit its status'
}

/** The most that file names and encryption add to an output, bytes. */
const OUTPUT_OVERHEAD = 16 * MIB

/**
 * Judges what a provider signed, without running the job. Three misdeeds are proven by signatures alone: a key other than
 * the committed one, an output that does not decrypt to the stated checksum, a result other than the committed one. A
 * false result is proven by `expected`, the result of another run. `faults` say why the evidence itself is invalid.
 */
export function judgeEvidence(
  evidence: JobEvidence,
  open: (ciphertext: Buffer, key: Buffer) => JobResult | null,
  expected?: JobResult
): { holds: boolean; misdeeds: string[]; faults: string[] } {
  const faults: string[] = []
  const misdeeds: string[] = []
  const { agree, commitment, statement, key, ciphertext } = evidence
  const { terms } = agree
  const id = jobId(terms)
  const provider = terms.provider.device
  if (!verify('job-terms', terms, agree.signature, terms.buyer.device))
    faults.push('the buyer did not sign the terms')
  if (commitment && !verify('job-commitment', commitment.commitment, commitment.signature, provider))
    faults.push('the provider did not sign the commitment')
  if (statement && !verify('job-statement', statement.statement, statement.signature, provider))
    faults.push('the provider did not sign the statement')
  if (key && !verify('job-key', key.key, key.signature, provider))
    faults.push('the provider did not sign the key')
  for (const part of [commitment?.commitment, statement?.statement, key?.key])
    if (part && !part.agreement.equals(id)) faults.push('a part of the evidence is from another agreement')
  if (faults.length > 0 || !statement) return { holds: faults.length === 0, misdeeds, faults }

  const { result, salt, keyCommitment, output } = statement.statement
  if (commitment && !commitmentOf(id, result, salt).equals(commitment.commitment.commitment))
    misdeeds.push('it stated another result than the one it had committed to')
  if (expected && !sameResult(expected, result))
    misdeeds.push('its result is false: another run of the job has another result')
  if (key && !keyCommitmentOf(id, key.key.key, key.key.salt).equals(keyCommitment))
    misdeeds.push('its key is not the one it had committed to')
  else if (key && ciphertext && createHash('sha256').update(ciphertext).digest().equals(output.sha256)) {
    const opened = open(ciphertext, key.key.key)
    if (!opened || !opened.tree.equals(result.tree) || !opened.stdout.equals(result.stdout))
      misdeeds.push('its decrypted output does not have the checksum it stated')
  }
  return { holds: true, misdeeds, faults }
}
