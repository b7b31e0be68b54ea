import assert from 'node:assert/strict'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import fc from 'fast-check'
import type { BlockProof, SealedCore } from '#spec'
import { attests, authorOf } from '../../../contracts/keys/attestation.js'
import { encode } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatEvidence, parseEvidence, verifyEvidence } from '../../../contracts/evidence/evidence.js'
import { openOutput, sumsOfOutput } from '../../../contracts/job-output.js'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'
import { formatLink, parseLink } from '../../../contracts/keys/link.js'
import { checkOrder, orderId, signOrder } from '../../../contracts/order.js'
import type { OrderRules } from '../../../contracts/order.js'
import { proves } from '../../../contracts/evidence/proof.js'
import { DAY, GIB, HOUR } from '../../../contracts/money/quantity.js'
import { formatReceipt, parseReceipt, verifyReceipt } from '../../../contracts/evidence/receipt.js'
import { planInstallments } from '../../../contracts/money/installments.js'
import { faultOf, faultOfList } from '../../../contracts/terms.js'
import { seal } from '../../../src/compute/job/encryption.js'
import { structOf } from '../../samples/arbitraries.js'
import { KEY, jobEvidence } from '../../samples/evidence/job-evidence.js'
import { storageOrder, twoPeople } from '../../samples/people.js'
import type { Person } from '../../samples/people.js'
import { paidInstallment } from '../../samples/evidence/paid-installment.js'
import { bytes, mutated, mutations, runs } from '../../samples/mutation.js'

const NOW = 1_800_000_000_000
const MARKET = Buffer.alloc(32, 1)
const RULES: OrderRules = { market: MARKET, maxRecordBytes: 2048, maxLifetime: 60 * DAY, stampBits: () => 0 }
const [one, other] = await twoPeople()

async function signed(by: Person): Promise<Buffer> {
  const body = encode('storage-ask', {
    space: GIB,
    minTime: HOUR,
    maxTime: DAY,
    minChargeMsat: 1000n,
    region: 'somewhere'
  })
  return signOrder(
    storageOrder(by, { market: MARKET, nonce: crypto.randomBytes(32), created: NOW, body }),
    by,
    { tick: 1, bits: 0 }
  )
}

test('a mutated or spliced order is refused with a reason or says what its author signed', async () => {
  const [from, into] = [await signed(one), await signed(other)]
  const good = [from, into].map(bytes => {
    const check = checkOrder(bytes, RULES)
    assert.ok(check.ok)
    return encode('order', check.verified.order)
  })
  fc.assert(
    fc.property(mutations, fc.boolean(), (list, swap) => {
      const input = swap ? mutated(into, list, from) : mutated(from, list, into)
      const check = checkOrder(input, RULES)
      if (!check.ok) return assert.match(check.code, /^[A-Z_]+$/)
      assert.ok(good.some(order => order.equals(check.verified.signed.order!)))
      assert.deepEqual(check.verified.id, orderId(check.verified.order))
    }),
    runs(1500)
  )
  // Mutations inside a valid record: parts that only the signature protects.
  const inner = fc.tuple(structOf('order'), bytes(300), mutations)
  fc.assert(
    fc.property(inner, ([order, proof, list]) => {
      const record = {
        order: mutated(encode('order', order as never), list),
        proof,
        stampTick: 0,
        stampNonce: 0
      }
      const check = checkOrder(encode('signed-order', record), { ...RULES, maxLifetime: Infinity })
      assert.equal(check.ok, false)
    }),
    runs(300)
  )
})

test('a mutated attestation proves nothing or what it proved before', () => {
  const data = crypto.randomBytes(32)
  const author = { identity: one.identity, device: one.device.publicKey }
  const stranger = { identity: other.identity, device: other.device.publicKey }
  assert.ok(attests(one.proof, null, author))
  fc.assert(
    fc.property(
      fc.oneof(
        mutations.map(list => mutated(one.proof, list, other.proof)),
        bytes(1100)
      ),
      proof => {
        const named = authorOf(proof)
        // A key that is both identity and device attests itself: the connection has proven it, or a signature
        // will.
        const pairs = [author, stranger, named && { identity: named.device, device: named.identity }]
        if (named)
          assert.ok(pairs.some(a => a!.identity.equals(named.identity) && a!.device.equals(named.device)))
        assert.equal(attests(proof, data, author), false)
        assert.equal(attests(proof, null, { identity: one.identity, device: other.device.publicKey }), false)
      }
    ),
    runs(400)
  )
})

test('a mutated block proof proves no other block', () => {
  const data = Array.from({ length: 4 }, (_, i) => Buffer.alloc(20, i))
  const leaves = data.map((value, i) => ({ index: 2 * i, size: 20, hash: crypto.data(value) }))
  const parent = (a: number, b: number): (typeof leaves)[0] => ({
    index: (leaves[a]!.index + leaves[b]!.index) / 2,
    size: 40,
    hash: crypto.parent(leaves[a]!, leaves[b]!)
  })
  const [left, right] = [parent(0, 1), parent(2, 3)]
  const root = { index: 3, size: 80, hash: crypto.parent(left, right) }
  const sealed = {
    key: Buffer.alloc(32),
    length: 4,
    byteLength: 80,
    treeHash: crypto.tree([root])
  } as SealedCore
  const good: BlockProof[] = [
    { core: 0, index: 0, value: data[0]!, nodes: [leaves[1]!, right], roots: [] },
    { core: 0, index: 1, value: data[1]!, nodes: [leaves[0]!, right], roots: [] },
    { core: 0, index: 2, value: data[2]!, nodes: [leaves[3]!, left], roots: [] },
    { core: 0, index: 3, value: data[3]!, nodes: [leaves[2]!, left], roots: [] }
  ]
  for (const proof of good) assert.ok(proves(proof, proof.index, sealed))
  const number = fc.oneof(
    fc.constantFrom(0, 1, 2, 3, 4, 20, 40, 80, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
    fc.maxSafeNat()
  )
  const hash = fc.constantFrom(leaves[0]!.hash, right.hash, root.hash)
  const node = fc.oneof(
    fc.record({ index: number, size: number, hash }),
    fc.constantFrom(...leaves, left, right, root)
  )
  const nodes = fc.oneof(fc.constantFrom<(typeof root)[]>([], [root]), fc.array(node, { maxLength: 4 }))
  const change = fc.record(
    { index: number, value: fc.constantFrom(...data, Buffer.alloc(0), null), nodes, roots: nodes },
    { requiredKeys: [] }
  )
  const other = fc.record({ length: number, byteLength: number }, { requiredKeys: [] })
  const lengths = fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, other)
  fc.assert(
    fc.property(fc.constantFrom(...good), change, lengths, (proof, change, lengths) => {
      const claim = { ...proof, ...change }
      const held = proves(claim, claim.index, { ...sealed, ...lengths })
      if (held) assert.deepEqual(claim.value, data[claim.index])
    }),
    runs(3000)
  )
})

/** What the text says, or null where it is refused in one line. */
function parsedOrRefused<T>(parse: (text: string) => T, text: string): T | null {
  try {
    return parse(text)
  } catch (error) {
    assert.ok(error instanceof BushelError && error.code === 'BAD_RECEIPT', String(error))
    assert.ok(!error.message.includes('\n'), error.message)
    return null
  }
}

test('a mutated receipt is refused, fails verification, or says the same as the original', () => {
  const { receipt } = paidInstallment(one, other)
  const text = formatReceipt(receipt)
  const good = verifyReceipt(parseReceipt(text))
  assert.ok(good.ok)
  const verdict = (text: string): void => {
    const parsed = parsedOrRefused(parseReceipt, text)
    if (!parsed) return
    const said = verifyReceipt(parsed)
    if (said.ok) assert.deepEqual([said, parsed.preimage], [good, receipt.preimage])
  }
  fc.assert(
    fc.property(mutations, list => verdict(mutated(Buffer.from(text), list).toString())),
    runs(1000)
  )
  const plain = JSON.parse(text) as Record<string, unknown>
  const inner = fc.constantFrom('terms', 'countersign', 'buyer', 'preimage')
  fc.assert(
    fc.property(inner, mutations, (name, list) => {
      const encoding = name === 'terms' || name === 'countersign' ? 'base64' : 'hex'
      const changed = mutated(Buffer.from(plain[name] as string, encoding), list).toString(encoding)
      verdict(JSON.stringify({ ...plain, [name]: changed }))
    }),
    runs(1000)
  )
  const key = fc.constantFrom(...Object.keys(plain))
  fc.assert(
    fc.property(key, fc.jsonValue(), (name, value) => verdict(JSON.stringify({ ...plain, [name]: value }))),
    runs(500)
  )
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), verdict), runs(300))
})

test('mutated evidence is refused, fails verification, or proves no more than the original', async () => {
  const honest = await jobEvidence(one, other)
  const guilty = await jobEvidence(one, other, { key: { key: Buffer.alloc(32, 1) } })
  for (const evidence of [honest, guilty]) {
    const text = formatEvidence(evidence)
    const good = verifyEvidence(parseEvidence(text))
    assert.ok(good.ok)
    const verdict = (text: string): void => {
      const parsed = parsedOrRefused(parseEvidence, text)
      if (!parsed) return
      const said = verifyEvidence(parsed)
      if (!said.ok) return assert.deepEqual(said.misdeeds, [])
      assert.equal(said.agreement, good.agreement)
      for (const misdeed of said.misdeeds) assert.ok(good.misdeeds.includes(misdeed), misdeed)
    }
    fc.assert(
      fc.property(mutations, list => verdict(mutated(Buffer.from(text), list).toString())),
      runs(300)
    )
    const plain = JSON.parse(text) as Record<string, unknown>
    const struct = Buffer.from(plain['evidence'] as string, 'base64')
    const from = encode('job-evidence', honest)
    fc.assert(
      fc.property(mutations, list => {
        const changed = mutated(struct, list, from).toString('base64')
        verdict(JSON.stringify({ ...plain, evidence: changed }))
      }),
      runs(500)
    )
    const parts = ['commitment', 'statement', 'key', 'ciphertext'] as const
    fc.assert(
      fc.property(fc.subarray([...parts]), mutations, (kept, list) => {
        const some = Object.fromEntries(kept.map(part => [part, evidence[part]]))
        const ciphertext = some['ciphertext'] ? { ciphertext: mutated(evidence.ciphertext!, list) } : {}
        verdict(formatEvidence({ agree: evidence.agree, ...some, ...ciphertext }))
      }),
      runs(100)
    )
    const key = fc.constantFrom(...Object.keys(plain))
    fc.assert(
      fc.property(key, fc.jsonValue(), (name, value) => verdict(JSON.stringify({ ...plain, [name]: value }))),
      runs(200)
    )
  }
})

test('any bytes open under a key to an output or to nothing, and never throw', async () => {
  const { ciphertext } = await jobEvidence(one, other)
  fc.assert(
    fc.property(mutations, list => {
      const changed = mutated(ciphertext!, list)
      if (!changed.equals(ciphertext!)) assert.equal(openOutput(changed, KEY), null)
    }),
    runs(300)
  )
  // A provider that seals bytes that are not an output.
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        bytes(200),
        structOf('job-output').map(value => encode('job-output', value as never))
      ),
      mutations,
      async (plain, list) => {
        const sealed = Buffer.concat(await seal([mutated(plain, list)], KEY))
        const opened = openOutput(sealed, KEY)
        if (opened) assert.equal(sumsOfOutput(opened).tree.byteLength, 32)
      }
    ),
    runs(200)
  )
})

test('any terms have a named fault or a schedule of bounded length that sums to the charge', () => {
  fc.assert(
    fc.property(structOf('terms'), structOf('installment-list'), (any, list) => {
      const terms = any as Parameters<typeof faultOf>[0]
      if (faultOf(terms) === null) faultOfList(list as never, terms, 0)
      assert.ok(planInstallments(terms).length <= 2200)
    }),
    runs(200)
  )
})

test('any text is a link or a key or is refused', () => {
  const link = { key: crypto.randomBytes(32), encryptionKey: crypto.randomBytes(32) }
  const cases: [string, (text: string) => string, string][] = [
    [formatLink(link), text => formatLink(parseLink(text)), 'BAD_LINK'],
    [formatKey(link.key), text => formatKey(parseKey(text)), 'BAD_KEY']
  ]
  for (const [good, again, code] of cases) {
    const mutant = mutations.map(list => mutated(Buffer.from(good), list).toString())
    fc.assert(
      fc.property(fc.oneof(mutant, fc.string(), fc.string({ unit: 'grapheme' })), text => {
        try {
          assert.equal(again(text).length, good.length)
        } catch (error) {
          assert.ok(error instanceof BushelError && error.code === code, String(error))
        }
      }),
      runs(500)
    )
  }
})
