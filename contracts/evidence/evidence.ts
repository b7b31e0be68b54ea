import type { JobEvidence } from '#spec'
import { decode, encode } from '../schema/codec.js'
import { BushelError } from '../errors/error.js'
import { jobId, judgeEvidence, resultHash } from '../job.js'
import { openOutput, sumsOfOutput } from '../job-output.js'
import { objectOf } from '../json-object.js'
import { formatKey } from '../keys/key.js'

/** What the signed statements of a job prove of its provider, to anybody. */
export interface EvidenceVerdict {
  /** Everything in it is signed by whom it says. */
  ok: boolean
  agreement: string
  /** Devices, in z32. */
  buyer: string
  provider: string
  /** What the provider stated as the result; null when it stated none. */
  stated: { status: string; exitCode: number; fuel: string; hash: string; finalMsat: string } | null
  /** Which of `commitment`, `statement`, `key` and `output` are in it. */
  parts: string[]
  /** What is proven against the provider, a line each. */
  misdeeds: string[]
  /** What does not hold, a line each. */
  faults: string[]
}

/** A ciphertext larger than that stands in a file of its own: a wrong key is proven without it, a wrong output is not. */
export const MAX_EVIDENCE_CIPHERTEXT = 1 << 20
/** Of the file, which is base64 within JSON. */
export const MAX_EVIDENCE_BYTES = 2 << 20
const MAX_STRUCT = MAX_EVIDENCE_CIPHERTEXT + (128 << 10)
export const EVIDENCE_FORMAT = 'bushel-evidence/1'

/** Is its ciphertext too large for the file? */
export function isLarge({ ciphertext }: JobEvidence): boolean {
  return (ciphertext?.byteLength ?? 0) > MAX_EVIDENCE_CIPHERTEXT
}

/** Where a ciphertext stands that is too large for the evidence at this path. */
export function ciphertextOf(path: string): string {
  return `${path}.output`
}

export function formatEvidence(evidence: JobEvidence): string {
  const kept = isLarge(evidence) ? { ...evidence, ciphertext: null } : evidence
  const plain = {
    format: EVIDENCE_FORMAT,
    agreement: formatKey(jobId(evidence.agree.terms)),
    provider: formatKey(evidence.agree.terms.provider.device),
    evidence: encode('job-evidence', kept).toString('base64')
  }
  return JSON.stringify(plain, null, 2) + '\n'
}

/** Throws BAD_RECEIPT on what is no evidence at all; what it proves is for `verifyEvidence` to say. */
export function parseEvidence(text: string): JobEvidence {
  try {
    if (Buffer.byteLength(text) > MAX_EVIDENCE_BYTES) throw new RangeError('it is too large')
    const plain = objectOf(text)
    if (plain['format'] !== EVIDENCE_FORMAT) throw new Error(`it is not of the format ${EVIDENCE_FORMAT}`)
    if (typeof plain['evidence'] !== 'string') throw new Error('it has no evidence')
    const bytes = Buffer.from(plain['evidence'], 'base64')
    const evidence = decode('job-evidence', bytes, MAX_STRUCT)
    const { terms } = evidence.agree
    if (plain['agreement'] !== formatKey(jobId(terms))) throw new Error('it is of another agreement')
    if (plain['provider'] !== formatKey(terms.provider.device))
      throw new Error('it is against another provider')
    return evidence
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BushelError(
      'BAD_RECEIPT',
      `this is no evidence: ${why}`,
      'give a file that `bushel run` has written beside a result that was not accepted'
    ).withCause(error)
  }
}

/** Needs nothing but the evidence: no node, no network, no clock, no run of the job. */
export function verifyEvidence(evidence: JobEvidence): EvidenceVerdict {
  const { agree, commitment, statement, key, ciphertext } = evidence
  const stated = statement?.statement
  const { holds, misdeeds, faults } = judgeEvidence(evidence, opened)
  const parts = Object.entries({ commitment, statement, key, output: ciphertext })
  return {
    ok: holds,
    agreement: formatKey(jobId(agree.terms)),
    buyer: formatKey(agree.terms.buyer.device),
    provider: formatKey(agree.terms.provider.device),
    stated: stated
      ? {
          status: stated.result.status,
          exitCode: stated.result.exitCode,
          fuel: stated.result.fuel.toString(),
          hash: resultHash(stated.result),
          finalMsat: stated.finalMsat.toString()
        }
      : null,
    parts: parts.filter(([, part]) => part).map(([name]) => name),
    misdeeds,
    faults
  }

  function opened(
    bytes: Buffer,
    key: Buffer
  ): NonNullable<ReturnType<Parameters<typeof judgeEvidence>[1]>> | null {
    const output = openOutput(bytes, key)
    return output && stated ? { ...stated.result, ...sumsOfOutput(output) } : null
  }
}
