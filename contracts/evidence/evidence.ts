import type { JobEvidence } from '#spec'
import { decode, encode } from '../schema/codec.js'
import { BushelError } from '../errors/error.js'
import { jobId, judgeEvidence, resultHash } from '../job.js'
import { openOutput, sumsOfOutput } from '../job-output.js'
import { objectOf } from '../json-object.js'
import { formatKey } from '../keys/key.js'

/** What the signed evidence of a job proves about its provider. */
export interface EvidenceVerdict {
  /** True when every signature in the evidence is valid. */
  ok: boolean
  agreement: string
  /** Devices, in z32. */
  buyer: string
  provider: string
  /** What the provider stated as the result; null when it stated none. */
  stated: { status: string; exitCode: number; fuel: string; hash: string; finalMsat: string } | null
  /** Which of `commitment`, `statement`, `key` and `output` the evidence contains. */
  parts: string[]
  /** One line for each misdeed of the provider that is proven. */
  misdeeds: string[]
  /** One line for each reason why the evidence is invalid. */
  faults: string[]
}

/**
 * A larger ciphertext is written to a file of its own, bytes. Without it a false key can be proven, but not a false output.
 */
export const MAX_EVIDENCE_CIPHERTEXT = 1 << 20
/** The largest evidence file (base64 in JSON) that is read, bytes. */
export const MAX_EVIDENCE_BYTES = 2 << 20
const MAX_STRUCT = MAX_EVIDENCE_CIPHERTEXT + (128 << 10)
export const EVIDENCE_FORMAT = 'bushel-evidence/1'

/** True when the ciphertext is too large for the evidence file. */
export function isLarge({ ciphertext }: JobEvidence): boolean {
  return (ciphertext?.byteLength ?? 0) > MAX_EVIDENCE_CIPHERTEXT
}

/** The path of the ciphertext file that belongs to the evidence file at `path`. */
export function ciphertextOf(path: string): string {
  return `${path}.output`
}

/** The text of an evidence file; a large ciphertext is left out. */
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

/** Parses an evidence file. Throws BAD_RECEIPT when it is malformed; `verifyEvidence` checks the signatures. */
export function parseEvidence(text: string): JobEvidence {
  try {
    if (Buffer.byteLength(text) > MAX_EVIDENCE_BYTES)
      throw new RangeError(`it is larger than ${MAX_EVIDENCE_BYTES} bytes`)
    const plain = objectOf(text)
    if (plain['format'] !== EVIDENCE_FORMAT) throw new Error(`its format is not ${EVIDENCE_FORMAT}`)
    if (typeof plain['evidence'] !== 'string') throw new Error("it has no field 'evidence'")
    const bytes = Buffer.from(plain['evidence'], 'base64')
    const evidence = decode('job-evidence', bytes, MAX_STRUCT)
    const { terms } = evidence.agree
    if (plain['agreement'] !== formatKey(jobId(terms)))
      throw new Error('its agreement and its evidence do not match')
    if (plain['provider'] !== formatKey(terms.provider.device))
      throw new Error('its provider and its evidence do not match')
    return evidence
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BushelError(
      'BAD_RECEIPT',
      `this file is not evidence of a job: ${why}`,
      'give an evidence file that `bushel run` wrote'
    ).withCause(error)
  }
}

/** Verifies evidence offline: without a node, a network, a clock or a run of the job. */
export function verifyEvidence(evidence: JobEvidence): EvidenceVerdict {
  const { agree, commitment, statement, key, ciphertext } = evidence
  const stated = statement?.statement
  const { holds, misdeeds, faults } = judgeEvidence(evidence, openResult)
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

  function openResult(
    bytes: Buffer,
    key: Buffer
  ): NonNullable<ReturnType<Parameters<typeof judgeEvidence>[1]>> | null {
    const output = openOutput(bytes, key)
    return output && stated ? { ...stated.result, ...sumsOfOutput(output) } : null
  }
}
