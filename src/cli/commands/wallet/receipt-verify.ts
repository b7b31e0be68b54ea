import { readFile, stat } from 'node:fs/promises'
import type { JobEvidence } from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import {
  EVIDENCE_FORMAT,
  MAX_EVIDENCE_BYTES,
  ciphertextOf,
  parseEvidence,
  verifyEvidence
} from '../../../../contracts/evidence/evidence.js'
import type { EvidenceVerdict } from '../../../../contracts/evidence/evidence.js'
import { MAX_BLOB_BYTES } from '../../../../contracts/job.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { parseReceipt, verifyReceipt } from '../../../../contracts/evidence/receipt.js'
import type { ReceiptVerdict } from '../../../../contracts/evidence/receipt.js'
import { readablePath } from '../../input/arguments.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'receipt verify <file>',
  summary: 'verify a receipt, or the evidence of a job, offline',
  example: 'receipt verify receipt.json'
}

/** Verifies a receipt, or the evidence of a job, without a home, a node or a network. */
export const run: Action = async ({ output }, [file]) => {
  const path = await readablePath(file!)
  const { size } = await stat(path)
  if (size > MAX_EVIDENCE_BYTES)
    throw new BushelError('BAD_RECEIPT', `'${file}' has ${size} bytes, too many for a receipt or evidence`)
  const text = await readFile(path, 'utf8')
  if (isEvidence(text)) {
    const verdict = verifyEvidence(await withCiphertext(parseEvidence(text), path))
    return output.verdict(verdict, () => linesOf(verdict, evidenceLines))
  }
  const verdict = verifyReceipt(parseReceipt(text))
  output.verdict(verdict, () => linesOf(verdict, receiptLines))
}

/** True when the file claims to be evidence; its parser then checks the whole format. */
function isEvidence(text: string): boolean {
  return /^\s*\{\s*"format"\s*:\s*"bushel-evidence/.test(text) || text.includes(`"${EVIDENCE_FORMAT}"`)
}

/** Adds the ciphertext from the file beside the evidence, if it was too large for the evidence file. */
async function withCiphertext(evidence: JobEvidence, path: string): Promise<JobEvidence> {
  if (evidence.ciphertext || !evidence.key) return evidence
  const beside = ciphertextOf(path)
  const found = await stat(beside).catch(() => null) // without it a false output cannot be proven
  if (!found?.isFile() || found.size > MAX_BLOB_BYTES) return evidence
  return { ...evidence, ciphertext: await readFile(beside) }
}

/** The lines of a valid document, or those of its faults. */
function linesOf<V extends ReceiptVerdict | EvidenceVerdict>(
  verdict: V,
  valid: (v: V) => string[]
): string[] {
  return verdict.ok ? valid(verdict) : verdict.faults.map(fault => `NOT VALID: ${fault}`)
}

function receiptLines({ agreement, installment, msat, buyer, provider }: ReceiptVerdict): string[] {
  return [
    `valid: installment ${installment} of agreement ${agreement}`,
    `${formatAmount(BigInt(msat))}, paid by ${buyer}`,
    `to ${provider}`
  ]
}

function evidenceLines(verdict: EvidenceVerdict): string[] {
  const { agreement, provider, buyer, stated, parts, misdeeds } = verdict
  const statement = stated
    ? `it stated: ${stated.status}, exit code ${stated.exitCode}, fuel ${stated.fuel}, hash ${stated.hash}`
    : 'it stated no result'
  const unproven = 'this alone proves no misdeed: run the job (bushel run --local) and compare the hash'
  return [
    `valid: signed by provider ${provider}`,
    `for agreement ${agreement} with ${buyer}`,
    statement,
    ...(misdeeds.length > 0 ? misdeeds.map(misdeed => `PROVEN: ${misdeed}`) : [unproven]),
    ...(parts.includes('key') && !parts.includes('output')
      ? ['its output cannot be checked: the encrypted output is not here']
      : [])
  ]
}
