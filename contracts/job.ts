import { createHash } from 'node:crypto'
import crypto from 'hypercore-crypto'
import type { JobAgree, JobEvidence, JobResult, JobStatement, JobTerms } from '#spec'
import { domain, encode, hashOf } from './schema/codec.js'
import { MAX_ARGS } from './schema/counts.js'
import { BushelError } from './errors/error.js'
import { MAX_MSAT, SAT, ceilDiv, least, most, parseAmount, formatAmount } from './money/money.js'
import type { Msat } from './money/money.js'
import { isNodeId } from './keys/node-id.js'
import { GIB, MIB } from './money/quantity.js'
import { verify } from './keys/signature.js'
import { MAX_CLOCK_SKEW, PROTOCOL_VERSION, START_WITHIN } from './terms.js'

/** Prices of compute are kept in msat per Tfuel. */
export const TFUEL = 1_000_000_000_000n
/** The installment of the last payment, which is what is left of the exact cost; its preimage opens the result. */
export const FINAL_INSTALLMENT = 1 << 20
/** Installments grow up to this, msat; no provider runs a larger one unpaid, but for jobs of more than 1024 of them. */
export const INSTALLMENT_CAP = 40n * SAT
/** A job never has more segments than this; the cap of an installment grows with `maxMsat` instead. */
export const MAX_SEGMENTS = 1024
/** Bytes of a block of a module, an input or an output as it travels. */
export const BLOB_BLOCK_BYTES = 256 << 10
export const MAX_MODULE_BYTES = 64 * MIB
/** Inputs and outputs are held in memory, whole. */
export const MAX_BLOB_BYTES = 1 * GIB

export const JOB_STATUS = ['ok', 'trap', 'limit', 'rejected'] as const
export const ISOLATION = ['bwrap', 'process'] as const

const MAX_ARGS_BYTES = 4096
export const MAX_REASON = 300

const PRICE = /^\s*(.+?)\s*\/\s*(G|T)fuel\s*$/i

/** A price of compute, written `"40 sat/Tfuel"`, in msat per Tfuel (10^12 units of fuel). */
export function parseFuelPrice(text: string): Msat {
  const match = text.length <= 64 ? PRICE.exec(text) : null
  if (!match)
    throw new BushelError('BAD_INPUT', `'${text}' is not a price of compute`, 'write it as "40 sat/Tfuel"')
  const price = parseAmount(match[1]!) * (match[2]!.toLowerCase() === 'g' ? 1000n : 1n)
  if (price === 0n)
    throw new BushelError('BAD_INPUT', `'${text}' is a price of nothing`, 'the lowest is 1 msat/Tfuel')
  if (price > MAX_MSAT) throw new BushelError('BAD_INPUT', `'${text}' is more than there is`)
  return price
}

export function formatFuelPrice(price: Msat): string {
  return `${formatAmount(price)}/Tfuel`
}

/** An agreement's id: the hash of its canonical terms, without signatures. */
export function jobId(terms: JobTerms): Buffer {
  return hashOf('job-terms', terms)
}

export type JobPrice = Pick<
  JobTerms,
  'price' | 'baseMsat' | 'firstInstallmentMsat' | 'maxInstallmentMsat' | 'maxMsat'
>

/** What a job costs that has used so much fuel, msat: the base, and the fuel rounded up; never more than `maxMsat`. */
export function jobCost({ price, baseMsat, maxMsat }: JobPrice, fuel: bigint): Msat {
  return least(baseMsat + ceilDiv(fuel * price, TFUEL), maxMsat)
}

/**
 * What is paid before the last payment, one amount after the other: first the base, which binds the agreement, then
 * installments that double from `firstInstallmentMsat` to `maxInstallmentMsat`, until `maxMsat` is reached.
 */
export function jobSegments(terms: JobPrice): Msat[] {
  const { baseMsat, firstInstallmentMsat, maxInstallmentMsat, maxMsat } = terms
  const segments = [least(baseMsat, maxMsat)]
  let left = maxMsat - segments[0]!
  const cap = most(maxInstallmentMsat, ceilDiv(left, BigInt(MAX_SEGMENTS)), 1n)
  for (let listed = least(most(firstInstallmentMsat, 1n), cap); left > 0n; listed = least(listed * 2n, cap)) {
    const amount = least(listed, left)
    segments.push(amount)
    left -= amount
  }
  return segments
}

/** What a payment of a job is for: to begin, the next part of the work, or what is left of the exact cost. */
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
 * How much fuel a job may have used when so many segments are paid: one segment beyond what is paid, so that what is
 * unpaid is never more than an installment. 0 before the first payment.
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

/** The last payment, msat: the exact cost less the segments that were paid; 0 when those cover it. */
export function finalMsat(terms: JobPrice, fuel: bigint, paidSegments: number): Msat {
  return most(jobCost(terms, fuel) - segmentsMsat(terms, paidSegments), 0n)
}

/** What a guest's process occupies besides the job's own, bytes. */
const GUEST_BYTES = 64 * MIB

/**
 * The memory that a job takes of its provider's, bytes: the module's own, program and input, what it leaves, and the
 * process that runs it.
 */
export function jobMemory({ module, input, limits }: Pick<JobTerms, 'module' | 'input' | 'limits'>): number {
  const { memoryBytes, stdoutBytes, stderrBytes, outputBytes } = limits
  const left = stdoutBytes + stderrBytes + outputBytes
  return memoryBytes + module.byteLength + input.byteLength + left + GUEST_BYTES
}

/** What is wrong with the terms of a job whoever they are between, or null. */
export function faultOfJob(terms: JobTerms): string | null {
  const { module, input, args, limits, price, baseMsat, maxMsat } = terms
  if (terms.version !== PROTOCOL_VERSION) return `version ${terms.version} is not ${PROTOCOL_VERSION}`
  if (!(ISOLATION as readonly string[]).includes(terms.isolation)) return 'its isolation is unknown'
  if (faultOfBlob(module, MAX_MODULE_BYTES) || faultOfBlob(input, MAX_BLOB_BYTES))
    return 'its module or its input has no proper size'
  const bytes = args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 1, 0)
  if (args.length > MAX_ARGS || bytes > MAX_ARGS_BYTES)
    return `it has more than ${MAX_ARGS_BYTES} bytes of arguments`
  if (args.some(arg => arg.includes('\0'))) return 'an argument holds a NUL'
  if (Object.values(limits).some(limit => limit <= 0)) return 'a limit of it is 0'
  if (limits.outputBytes > MAX_BLOB_BYTES || limits.memoryBytes > 4 * GIB)
    return 'its limits are out of bounds'
  if (price < 1n || price > MAX_MSAT) return 'its price is out of bounds'
  if (baseMsat < 1n || maxMsat < baseMsat || maxMsat > MAX_MSAT) return 'its amounts are out of bounds'
  if (terms.firstInstallmentMsat < 1n || terms.maxInstallmentMsat < terms.firstInstallmentMsat)
    return 'its installments are out of bounds'
  if (terms.startBy < terms.countersignBy) return 'it starts before it is signed'
  if (terms.startBy - terms.countersignBy > START_WITHIN + MAX_CLOCK_SKEW) return 'it may start too late'
  for (const party of [terms.buyer, terms.provider])
    if (!isNodeId(party.lightning)) return 'a party has no Lightning node'
  return terms.buyer.device.equals(terms.provider.device) ? 'both parties are one device' : null
}

/** Is it larger than that, or not of the blocks that its bytes come to? */
export function faultOfBlob({ length, byteLength }: JobTerms['module'], maxBytes: number): boolean {
  return byteLength > maxBytes || length !== Math.ceil(byteLength / BLOB_BLOCK_BYTES)
}

/** `hash` of a job, as people read it: the checksum of the output tree followed by that of standard output, in hex. */
export function resultHash({ tree, stdout }: Pick<JobResult, 'tree' | 'stdout'>): string {
  return tree.toString('hex') + stdout.toString('hex')
}

/** Two results that say the same: status, exit code, fuel and output. */
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

/** Binds a provider to its result before it sees another's; the salt keeps a guess from being checked. */
export function commitmentOf(agreement: Buffer, result: JobResult, salt: Buffer): Buffer {
  return crypto.hash([domain('job-result-commitment'), agreement, salt, encode('job-result', result)])
}

/** Binds a provider to the key of an encrypted output. */
export function keyCommitmentOf(agreement: Buffer, key: Buffer, salt: Buffer): Buffer {
  return crypto.hash([domain('job-key-commitment'), agreement, salt, key])
}

/** What is wrong with a statement for these terms, when so many segments were paid; or null. */
export function faultOfStatement(
  statement: JobStatement,
  terms: JobTerms,
  paidSegments: number
): string | null {
  const { agreement, result, output, finalMsat: last } = statement
  if (!agreement.equals(jobId(terms))) return 'it is for another agreement'
  if (!(JOB_STATUS as readonly string[]).includes(result.status)) return 'its status is unknown'
  if (result.reason.length > MAX_REASON) return 'its reason is too long'
  if (result.fuel > mostFuel(terms)) return 'it bills more fuel than was agreed'
  // A segment falls due when what came before it is used up.
  if (jobCost(terms, result.fuel) < segmentsMsat(terms, paidSegments))
    return 'it took payment for more fuel than it states'
  if (last !== finalMsat(terms, result.fuel, paidSegments))
    return 'it bills another amount than its fuel comes to'
  const { stdoutBytes, stderrBytes, outputBytes } = terms.limits
  if (faultOfBlob(output, stdoutBytes + stderrBytes + outputBytes + OUTPUT_OVERHEAD))
    return 'its output is larger than was agreed'
  return null
}

/** What the names of files and the cipher add to an output at the most. */
const OUTPUT_OVERHEAD = 16 * MIB

/**
 * What signed statements prove, without any run of the job: a key that is not the one that was committed to, an output
 * that does not decrypt to the checksum that was stated, a result other than the one that was committed to. A result that is
 * wrong in itself is shown by running the job again: `expected`.
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
    if (part && !part.agreement.equals(id)) faults.push('a part of it is of another agreement')
  if (faults.length > 0 || !statement) return { holds: faults.length === 0, misdeeds, faults }

  const { result, salt, keyCommitment, output } = statement.statement
  if (commitment && !commitmentOf(id, result, salt).equals(commitment.commitment.commitment))
    misdeeds.push('it stated another result than it had committed to')
  if (expected && !sameResult(expected, result))
    misdeeds.push('its result is not that of the job, as a run of it shows')
  if (key && !keyCommitmentOf(id, key.key.key, key.key.salt).equals(keyCommitment))
    misdeeds.push('its key is not the one that it had committed to')
  else if (key && ciphertext && createHash('sha256').update(ciphertext).digest().equals(output.sha256)) {
    const inside = open(ciphertext, key.key.key)
    if (!inside || !inside.tree.equals(result.tree) || !inside.stdout.equals(result.stdout))
      misdeeds.push('what its key opens has not the checksum that it stated')
  }
  return { holds: true, misdeeds, faults }
}

/** The parties' agreement, as one side hands it to the other: the terms and the buyer's signature hold. */
export function isSigned({ terms, signature }: JobAgree): boolean {
  return verify('job-terms', terms, signature, terms.buyer.device)
}
