import assert from 'node:assert/strict'
import { copyFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  MAX_EVIDENCE_BYTES,
  MAX_EVIDENCE_CIPHERTEXT,
  ciphertextOf
} from '../../../contracts/evidence/evidence.js'
import { formatReceipt } from '../../../contracts/evidence/receipt.js'
import { EvidenceFiles } from '../../../src/compute/job/evidence-files.js'
import { OUTPUT, jobEvidence } from '../../samples/evidence/job-evidence.js'
import { paidInstallment } from '../../samples/evidence/paid-installment.js'
import { person } from '../../samples/people.js'
import type { Person } from '../../samples/people.js'
import { runCommandLine } from '../../parts/cli/command-line.js'

test('`bushel receipt verify` checks receipts and evidence offline and states what they prove', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-verify-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const [buyer] = (await person()) as [Person]
  const [provider] = (await person()) as [Person]
  const files = new EvidenceFiles(join(dir, 'evidence'))
  const verified = async (path: string): Promise<[string[], number]> => {
    const { failure, stdout, exit } = await runCommandLine(['receipt', 'verify', path])
    assert.equal(failure, null)
    return [stdout.trim().split('\n'), exit]
  }

  const receipt = join(dir, 'receipt.json')
  await writeFile(receipt, formatReceipt(paidInstallment(buyer, provider).receipt))
  const [lines, code] = await verified(receipt)
  assert.match(lines[0]!, /^valid: installment 1 of agreement/)
  assert.equal(code, 0)

  const honest = await files.write(Buffer.alloc(32, 1), await jobEvidence(buyer, provider))
  const [plain] = await verified(honest)
  assert.match(
    plain.join('\n'),
    /^valid: signed by provider .*\n.*\nit stated: ok, exit code 0, fuel 1000000/
  )
  assert.match(plain.at(-1)!, /^this alone proves no misdeed/)

  const false1 = await jobEvidence(buyer, provider, { key: { key: Buffer.alloc(32, 9) } })
  const proven = await files.write(Buffer.alloc(32, 2), false1)
  assert.ok((await verified(proven))[0].includes('PROVEN: its key is not the one it had committed to'))

  const { lines: json } = await runCommandLine(['receipt', 'verify', proven, '--json'])
  assert.deepEqual(json[0]!['misdeeds'], ['its key is not the one it had committed to'])

  // A ciphertext too large for the evidence file lies beside it and is needed for the proof.
  const bytes = Buffer.alloc(MAX_EVIDENCE_CIPHERTEXT + 1, 1)
  const output = { ...OUTPUT, files: [{ path: 'large', bytes }] }
  const wrong = await jobEvidence(buyer, provider, { output, result: { tree: Buffer.alloc(32, 3) } })
  const large = await files.write(Buffer.alloc(32, 3), wrong)
  const said = 'PROVEN: its decrypted output does not have the checksum it stated'
  assert.ok((await verified(large))[0].includes(said))
  const alone = join(dir, 'alone.json')
  await copyFile(large, alone)
  const [without] = await verified(alone)
  assert.ok(!without.includes(said))
  assert.match(without.at(-1)!, /cannot be checked: the encrypted output is not here/)
  await truncate(ciphertextOf(large), 1000)
  assert.ok(!(await verified(large))[0].includes(said), 'other bytes prove nothing')

  const unsigned = await jobEvidence(buyer, provider)
  unsigned.key!.signature[3]! ^= 1
  const forged = await files.write(Buffer.alloc(32, 4), unsigned)
  assert.deepEqual(await verified(forged), [['NOT VALID: the provider did not sign the key'], 1])

  await writeFile(receipt, ' '.repeat(MAX_EVIDENCE_BYTES + 1))
  for (const content of [
    '',
    '{"format": "bushel-evidence/9"}',
    '{"format": "bushel-evidence/1"}',
    ' '.repeat(MAX_EVIDENCE_BYTES + 1)
  ]) {
    await writeFile(receipt, content)
    assert.equal((await runCommandLine(['receipt', 'verify', receipt])).failure?.code, 'BAD_RECEIPT')
  }
})
