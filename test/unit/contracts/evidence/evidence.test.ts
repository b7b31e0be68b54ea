import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { JobEvidence } from '#spec'
import {
  MAX_EVIDENCE_BYTES,
  MAX_EVIDENCE_CIPHERTEXT,
  ciphertextOf,
  formatEvidence,
  isLarge,
  parseEvidence,
  verifyEvidence
} from '../../../../contracts/evidence/evidence.js'
import { jobId, judgeEvidence, resultHash } from '../../../../contracts/job.js'
import { openOutput } from '../../../../contracts/job-output.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { sign } from '../../../../contracts/keys/signature.js'
import { KEY, OUTPUT, jobEvidence } from '../../../samples/evidence/job-evidence.js'
import { assertRefused } from './refused-files.js'
import { twoPeople } from '../../../samples/people.js'

const [buyer, provider] = await twoPeople()
const good = await jobEvidence(buyer, provider)

const judged = (evidence: JobEvidence): { misdeeds: string[]; faults: string[] } => {
  const { ok, misdeeds, faults } = verifyEvidence(parseEvidence(formatEvidence(evidence)))
  assert.equal(ok, faults.length === 0)
  return { misdeeds, faults }
}

test('the evidence of an honest job holds, shows the statement and proves nothing against its provider', () => {
  const { agree, statement } = good
  const verdict = verifyEvidence(parseEvidence(formatEvidence(good)))
  assert.deepEqual(verdict, {
    ok: true,
    agreement: formatKey(jobId(agree.terms)),
    buyer: formatKey(buyer.device.publicKey),
    provider: formatKey(provider.device.publicKey),
    stated: {
      status: 'ok',
      exitCode: 0,
      fuel: '1000000',
      hash: resultHash(statement!.statement.result),
      finalMsat: statement!.statement.finalMsat.toString()
    },
    parts: ['commitment', 'statement', 'key', 'output'],
    misdeeds: [],
    faults: []
  })
})

test('a key that differs from the committed one is proven, even without the output', async () => {
  const said = ['its key is not the one it had committed to']
  const false1 = await jobEvidence(buyer, provider, { key: { key: Buffer.alloc(32, 99) } })
  const false2 = await jobEvidence(buyer, provider, { key: { salt: Buffer.alloc(32, 99) } })
  for (const evidence of [false1, false2]) {
    assert.deepEqual(judged(evidence), { misdeeds: said, faults: [] })
    assert.deepEqual(judged({ ...evidence, ciphertext: null }), { misdeeds: said, faults: [] })
  }
})

test('an output that differs from the stated one is proven with key and output, and not without', async () => {
  const said = ['its decrypted output does not have the checksum it stated']
  for (const result of [{ tree: Buffer.alloc(32, 1) }, { stdout: Buffer.alloc(32, 1) }]) {
    const evidence = await jobEvidence(buyer, provider, { result })
    assert.deepEqual(judged(evidence).misdeeds, said)
    assert.deepEqual(judged({ ...evidence, key: null }).misdeeds, [])
    assert.deepEqual(judged({ ...evidence, ciphertext: null }).misdeeds, [])
    // Bytes that the provider did not sign for prove nothing against it.
    assert.deepEqual(judged({ ...evidence, ciphertext: Buffer.alloc(500, 1) }).misdeeds, [])
  }
})

test('a result that differs from the committed one is proven', async () => {
  const evidence = await jobEvidence(buyer, provider, { committed: { exitCode: 1 } })
  assert.deepEqual(judged(evidence).misdeeds, ['it stated another result than the one it had committed to'])
})

test('a wrong result is proven by what a run of the job gives', () => {
  const { result } = good.statement!.statement
  const open = (): typeof result => result
  assert.deepEqual(judgeEvidence(good, open, result).misdeeds, [])
  const wrong = judgeEvidence(good, open, { ...result, fuel: result.fuel + 1n })
  assert.deepEqual(wrong.misdeeds, ['its result is false: another run of the job has another result'])
})

test('nobody can make evidence against a provider, since each part is signed and bound to the agreement', async () => {
  const flipped = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte)))
  const { agree, commitment, statement, key } = good
  const forged: [Partial<JobEvidence>, string][] = [
    [{ agree: { ...agree, signature: flipped(agree.signature) } }, 'the buyer did not sign the terms'],
    [
      { commitment: { ...commitment!, signature: flipped(commitment!.signature) } },
      'the provider did not sign the commitment'
    ],
    [
      { statement: { ...statement!, signature: flipped(statement!.signature) } },
      'the provider did not sign the statement'
    ],
    [{ key: { ...key!, signature: flipped(key!.signature) } }, 'the provider did not sign the key']
  ]
  for (const [change, fault] of forged)
    assert.deepEqual(judged({ ...good, ...change }), { misdeeds: [], faults: [fault] })
  const byBuyer = { ...key!.key, key: Buffer.alloc(32, 1) }
  assert.deepEqual(
    judged({ ...good, key: { key: byBuyer, signature: sign('job-key', byBuyer, buyer.device) } }).faults,
    ['the provider did not sign the key']
  )
  const other = await jobEvidence(buyer, provider, { terms: { nonce: Buffer.alloc(32, 77) } })
  assert.deepEqual(judged({ ...good, key: other.key! }).faults, [
    'a part of the evidence is from another agreement'
  ])
})

test('evidence without a statement shows which parts there are, and states and proves nothing', () => {
  const verdict = verifyEvidence({ ...good, commitment: null, statement: null })
  assert.deepEqual([verdict.ok, verdict.stated, verdict.parts], [true, null, ['key', 'output']])
  assert.deepEqual([verdict.misdeeds, verdict.faults], [[], []])
  const forged = { ...good.agree, signature: Buffer.alloc(64) }
  assert.equal(verifyEvidence({ ...good, agree: forged, statement: null }).ok, false)
})

test('an output that cannot be opened with the committed key is a misdeed', async () => {
  const ciphertext = Buffer.alloc(500, 1)
  const sha256 = createHash('sha256').update(ciphertext).digest()
  const { statement } = good.statement!
  const output = { ...statement.output, byteLength: 500, sha256 }
  const stated = { ...statement, output }
  const signature = sign('job-statement', stated, provider.device)
  const verdict = judged({ ...good, statement: { statement: stated, signature }, ciphertext })
  assert.deepEqual(verdict.misdeeds, ['its decrypted output does not have the checksum it stated'])
})

test('a large output is left out of the evidence file, which stays within its bounds', async () => {
  const files = [{ path: 'large', bytes: Buffer.alloc(MAX_EVIDENCE_CIPHERTEXT + 1, 1) }]
  const large = await jobEvidence(buyer, provider, { output: { ...OUTPUT, files } })
  assert.ok(isLarge(large))
  assert.ok(!isLarge({ ...good, ciphertext: Buffer.alloc(MAX_EVIDENCE_CIPHERTEXT) }))
  assert.ok(!isLarge({ ...good, ciphertext: null }))
  assert.equal(ciphertextOf('/tmp/job.evidence'), '/tmp/job.evidence.output')
  const text = formatEvidence(large)
  assert.ok(text.length < 20_000)
  assert.deepEqual(verifyEvidence(parseEvidence(text)).parts, ['commitment', 'statement', 'key'])
  const most = [{ path: 'large', bytes: Buffer.alloc(MAX_EVIDENCE_CIPHERTEXT - 200, 1) }]
  const full = await jobEvidence(buyer, provider, { output: { ...OUTPUT, files: most } })
  assert.ok(!isLarge(full))
  assert.deepEqual(judged(full), { misdeeds: [], faults: [] })
})

test('an output opens only with its key and exactly as it was sealed', () => {
  const sealed = good.ciphertext!
  const opened = openOutput(sealed, KEY)!
  assert.deepEqual(opened, OUTPUT)
  assert.equal(openOutput(sealed, Buffer.alloc(32)), null)
  assert.equal(openOutput(sealed.subarray(0, -1), KEY), null)
  assert.equal(openOutput(Buffer.alloc(3), KEY), null)
  assert.equal(openOutput(sealed, KEY, sealed.byteLength - 1), null)
})

test('a file that is not evidence is refused in one line with the reason', () => {
  const text = formatEvidence(good)
  assert.ok(text.endsWith('}\n'))
  assert.ok(parseEvidence(text.padEnd(MAX_EVIDENCE_BYTES)), 'the largest there may be')
  assertRefused({ parse: parseEvidence, text, format: 'bushel-evidence', maxBytes: MAX_EVIDENCE_BYTES }, [
    [{ agreement: formatKey(Buffer.alloc(32, 3)) }, /agreement and its evidence/],
    [{ provider: formatKey(Buffer.alloc(32, 3)) }, /provider and its evidence/],
    [{ evidence: 5 }, /'evidence'/],
    [{ evidence: '' }, /malformed job-evidence/],
    [{ evidence: 'AAAA' }, /malformed job-evidence/]
  ])
})
