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

/** Checks a receipt, or the evidence of a job; needs no home, no node and no network. */
export const run: Action = async ({ output }, [file]) => {
  const path = await readablePath(file!)
  const { size } = await stat(path)
  if (size > MAX_EVIDENCE_BYTES) throw new BushelError('BAD_RECEIPT', `${file} is too large for a receipt`)
  const text = await readFile(path, 'utf8')
  if (isEvidence(text)) {
    const verdict = verifyEvidence(await withCiphertext(parseEvidence(text), path))
    return output.verdict(verdict, () => evidenceLines(verdict))
  }
  const verdict = verifyReceipt(parseReceipt(text))
  output.verdict(verdict, () => receiptLines(verdict))
}

/** Which of the two it means to be; what it is, its own reader says. */
function isEvidence(text: string): boolean {
  return /^\s*\{\s*"format"\s*:\s*"bushel-evidence/.test(text) || text.includes(`"${EVIDENCE_FORMAT}"`)
}

/** A ciphertext that was too large for the file is looked for beside it. */
async function withCiphertext(evidence: JobEvidence, path: string): Promise<JobEvidence> {
  if (evidence.ciphertext || !evidence.key) return evidence
  const beside = ciphertextOf(path)
  const found = await stat(beside).catch(() => null) // without it less can be proven
  if (!found?.isFile() || found.size > MAX_BLOB_BYTES) return evidence
  return { ...evidence, ciphertext: await readFile(beside) }
}

function receiptLines({
  ok,
  agreement,
  installment,
  msat,
  buyer,
  provider,
  faults
}: ReceiptVerdict): string[] {
  if (!ok) return faults.map(notHolding)
  return [
    `it holds: installment ${installment} of agreement ${agreement}`,
    `${formatAmount(BigInt(msat))} were paid by ${buyer}`,
    `to ${provider}`
  ]
}

function evidenceLines({
  ok,
  agreement,
  provider,
  buyer,
  stated,
  parts,
  misdeeds,
  faults
}: EvidenceVerdict): string[] {
  if (!ok) return faults.map(notHolding)
  const said = stated
    ? `it stated: ${stated.status}, exit code ${stated.exitCode}, fuel ${stated.fuel}, hash ${stated.hash}`
    : 'it stated no result'
  const nothing =
    'nothing is proven against it by this alone: run the job (bushel run --local) and compare its hash'
  return [
    `it is signed: provider ${provider}`,
    `of agreement ${agreement} with ${buyer}`,
    said,
    ...(misdeeds.length > 0 ? misdeeds.map(misdeed => `PROVEN: ${misdeed}`) : [nothing]),
    ...(parts.includes('key') && !parts.includes('output')
      ? ['what its key opens cannot be shown: the encrypted output is not here']
      : [])
  ]
}

function notHolding(fault: string): string {
  return `IT DOES NOT HOLD: ${fault}`
}
