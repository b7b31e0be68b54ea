import assert from 'node:assert/strict'
import { ECDH, createHash, createECDH, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import bolt11, { type PaymentRequestObject } from 'bolt11'
import fc from 'fast-check'
import { BushelError } from '../../../contracts/errors/error.js'
import {
  checkInvoice,
  paymentHashOf,
  readInvoice,
  type ExpectedInvoice
} from '../../../src/lightning/invoice.js'
import { ALPHABET, withChecksum } from '../../samples/bech32.js'

type Tag = PaymentRequestObject['tags'][number]

const key = Buffer.alloc(32, 5)
const otherKey = Buffer.alloc(32, 6)
const publicKey = (secret: Buffer): Buffer => {
  const ecdh = createECDH('secp256k1')
  ecdh.setPrivateKey(secret)
  return ECDH.convertKey(ecdh.getPublicKey(), 'secp256k1', undefined, undefined, 'compressed') as Buffer
}

const NOW = 1_800_000_000_000
const paymentHash = createHash('sha256').update('a preimage').digest()
const expected: ExpectedInvoice = {
  network: 'play-1',
  paymentHash,
  msat: 5_001n,
  payee: publicKey(key),
  description: 'bushel/1 abc 0',
  now: NOW
}
const NETWORKS = {
  bcrt: { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] },
  bc: { bech32: 'bc', pubKeyHash: 0, scriptHash: 5, validWitnessVersions: [0, 1] },
  tb: { bech32: 'tb', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] },
  tbs: { bech32: 'tbs', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] }
}
const FEATURES = {
  word_length: 4,
  var_onion_optin: { required: true, supported: false },
  payment_secret: { required: true, supported: false },
  basic_mpp: { required: false, supported: true }
}

interface InvoiceParts {
  network?: keyof typeof NETWORKS
  millisatoshis?: string | null
  timestamp?: number
  tags?: Tag[]
  secret?: Buffer
  /** Code of a tag to remove afterwards, since the library insists on it. */
  drop?: number
  /** Makes the node of the first routing hint a point that is not on the curve. */
  isOffCurve?: boolean
}

const TAGS: Tag[] = [
  { tagName: 'payment_hash', data: paymentHash.toString('hex') },
  { tagName: 'payment_secret', data: randomBytes(32).toString('hex') },
  { tagName: 'description', data: expected.description },
  { tagName: 'expire_time', data: 7200 },
  { tagName: 'min_final_cltv_expiry', data: 24 },
  { tagName: 'feature_bits', data: FEATURES }
]

function make({
  network = 'bcrt',
  millisatoshis = '5001',
  timestamp = NOW / 1000,
  tags = TAGS,
  secret = key,
  drop,
  isOffCurve = false
}: InvoiceParts = {}): string {
  const request: PaymentRequestObject = { network: NETWORKS[network], timestamp, tags }
  if (millisatoshis !== null) request.millisatoshis = millisatoshis
  const made = bolt11.encode(request, false)
  if (drop !== undefined) made.wordsTemp = withoutTag(made.wordsTemp as string, drop)
  if (isOffCurve) made.wordsTemp = withFullKey(made.wordsTemp as string)
  return bolt11.sign(made, secret).paymentRequest as string
}

const without = (...names: string[]): Tag[] => TAGS.filter(({ tagName }) => !names.includes(tagName))
const instead = (...tags: Tag[]): Tag[] => [...without(...tags.map(({ tagName }) => tagName)), ...tags]

function refusal(invoice: string, change: Partial<ExpectedInvoice> = {}): string {
  try {
    checkInvoice(invoice, { ...expected, ...change })
  } catch (error) {
    assert.ok(error instanceof BushelError, String(error))
    assert.equal(error.code, error.message.includes('expired') ? 'INVOICE_EXPIRED' : 'INVOICE_REFUSED')
    assert.equal(error.exit, 5)
    return error.message
  }
  return 'accepted'
}

test('the agreed invoice is accepted in upper or lower case', () => {
  const invoice = make()
  const checked = checkInvoice(invoice, expected)
  assert.equal(checked.msat, 5_001n)
  assert.equal(checked.expiresAt, NOW + 7_200_000)
  assert.equal(refusal(invoice.toUpperCase()), 'accepted')
  assert.deepEqual(paymentHashOf(invoice), paymentHash)
})

test('amounts from 1 msat to the largest are read with every prefix', () => {
  for (const msat of [
    1n,
    10n,
    999n,
    1_000n,
    100_000n,
    123_456_789n,
    100_000_000_000n,
    2_100_000_000_000_000n
  ]) {
    assert.equal(refusal(make({ millisatoshis: String(msat) }), { msat }), 'accepted')
    assert.match(refusal(make({ millisatoshis: String(msat) }), { msat: msat + 1n }), /agreed were/)
  }
})

test('each network has a known prefix, and an invoice of another network is refused', () => {
  const prefixes = { bitcoin: 'bc', testnet: 'tb', signet: 'tbs', regtest: 'bcrt', 'play-1': 'bcrt' } as const
  for (const [network, prefix] of Object.entries(prefixes)) {
    for (const other of Object.keys(NETWORKS) as (keyof typeof NETWORKS)[]) {
      const said = refusal(make({ network: other }), { network })
      if (other === prefix) assert.equal(said, 'accepted')
      else assert.match(said, /another network/)
    }
  }
  assert.match(refusal(make(), { network: 'play-2' }), /is unknown/)
})

const cases: [string, InvoiceParts, RegExp][] = [
  ['no amount', { millisatoshis: null }, /has no amount/],
  ['a smaller amount', { millisatoshis: '5000' }, /agreed were 5001/],
  ['another hash', { tags: instead({ tagName: 'payment_hash', data: 'ab'.repeat(32) }) }, /payment hash/],
  ['no hash', { drop: 1 }, /payment hash/],
  ['another payee', { secret: otherKey }, /another node/],
  ['no payment secret', { drop: 16 }, /no payment secret/],
  ['no description', { drop: 13 }, /no description/],
  [
    'another description',
    { tags: instead({ tagName: 'description', data: 'bushel/1 abc 1' }) },
    /description/
  ],
  [
    'only a hash of the description',
    { tags: [...without('description'), { tagName: 'purpose_commit_hash', data: 'cd'.repeat(32) }] },
    /only the hash of a description/
  ],
  ['an expiry in the past', { timestamp: NOW / 1000 - 7200 }, /has expired/],
  ['no expiry, after an hour', { tags: without('expire_time'), timestamp: NOW / 1000 - 3600 }, /has expired/],
  ['a second expiry', { tags: [...TAGS, { tagName: 'expire_time', data: 90_000 }] }, /two tags/],
  [
    'a second description',
    { tags: [...TAGS, { tagName: 'description', data: expected.description }] },
    /two tags/
  ],
  ['a second hash', { tags: [...TAGS, { tagName: 'payment_hash', data: 'ab'.repeat(32) }] }, /two tags/],
  [
    'an unknown required feature',
    {
      tags: instead({
        tagName: 'feature_bits',
        data: {
          ...FEATURES,
          word_length: 6,
          extra_bits: { start_bit: 20, bits: [false, false, false, false, true], has_required: true }
        }
      })
    },
    /requires an unknown feature/
  ],
  [
    'a required feature that makes no sense in an invoice',
    { tags: instead({ tagName: 'feature_bits', data: { ...FEATURES, gossip_queries: { required: true } } }) },
    /requires the unsupported feature gossip_queries/
  ],
  [
    'a fallback address',
    {
      tags: [
        ...TAGS,
        {
          tagName: 'fallback_address',
          data: {
            code: 17,
            address: 'mk2QpYatsKicvFVuTAQLBryyccRXMUaGHP',
            addressHash: '3172b5654f6683c8fb146959d347ce303cae4ca7'
          }
        }
      ]
    },
    /fallback address/
  ]
]

for (const [name, parts, reason] of cases) {
  test(`an invoice with ${name} is refused`, () => assert.match(refusal(make(parts)), reason))
}

test('an absent expiry counts as an hour, and a minimum remaining time is enforced', () => {
  const hour = make({ tags: without('expire_time') })
  assert.equal(checkInvoice(hour, expected).expiresAt, NOW + 3_600_000)
  assert.equal(refusal(hour, { now: NOW + 3_599_000 }), 'accepted')
  assert.match(refusal(hour, { minRemainingMs: 3_600_001 }), /too soon/)
})

test('unknown optional features and several routing hints are accepted', () => {
  const hint = {
    pubkey: publicKey(otherKey).toString('hex'),
    short_channel_id: '0102030405060708',
    fee_base_msat: 1,
    fee_proportional_millionths: 1,
    cltv_expiry_delta: 3
  }
  const hints: Tag[] = [
    { tagName: 'routing_info', data: [hint] },
    { tagName: 'routing_info', data: [hint] }
  ]
  assert.equal(refusal(make({ tags: [...TAGS, ...hints] })), 'accepted')
  const features = {
    ...FEATURES,
    word_length: 6,
    extra_bits: { start_bit: 20, bits: [false, false, false, false, false, true], has_required: false }
  }
  assert.equal(refusal(make({ tags: instead({ tagName: 'feature_bits', data: features }) })), 'accepted')
})

test('fields at their extremes are refused: a wallet would refuse them after the payment was recorded', () => {
  const hint = {
    pubkey: expected.payee.toString('hex'),
    short_channel_id: '0102030405060708',
    fee_base_msat: 1,
    fee_proportional_millionths: 1,
    cltv_expiry_delta: 40
  }
  const hinted = (change: Partial<typeof hint>): Tag[] => [
    ...TAGS,
    { tagName: 'routing_info', data: [{ ...hint, ...change }] },
    { tagName: 'routing_info', data: [hint] }
  ]
  assert.equal(refusal(make({ tags: hinted({}) })), 'accepted')
  const extremes: [Tag[], RegExp][] = [
    [instead({ tagName: 'expire_time', data: 2 ** 40 }), /expires in more than a hundred years/],
    [instead({ tagName: 'min_final_cltv_expiry', data: 65_535 }), /waiting for 65535 blocks/],
    [hinted({}), /routing hints is invalid/],
    [hinted({ cltv_expiry_delta: 65_535 }), /routing hints is invalid/]
  ]
  for (const [i, [tags, says]] of extremes.entries()) {
    const invoice = make({ tags, isOffCurve: i === 2 })
    assert.match(refusal(invoice), says)
    assert.throws(() => readInvoice(invoice, 'play-1'), { code: 'INVOICE_REFUSED' })
    assert.throws(() => paymentHashOf(invoice), { code: 'INVOICE_REFUSED' })
  }
})

test('a payee tag must be the key that signed', () => {
  const own: Tag[] = [...TAGS, { tagName: 'payee_node_key', data: expected.payee.toString('hex') }]
  assert.equal(refusal(make({ tags: own })), 'accepted')
  assert.throws(() => make({ tags: own, secret: otherKey }))
})

test('an overlong invoice is refused unread', () => {
  assert.match(refusal(`lnbcrt1${'q'.repeat(4090)}`), /longer than 4096/)
})

test('an invoice with any one character changed is refused', () => {
  const invoice = make()
  const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l1bio'
  fc.assert(
    fc.property(fc.nat(invoice.length - 1), fc.constantFrom(...alphabet), (at, letter) => {
      fc.pre(invoice[at] !== letter)
      assert.notEqual(refusal(invoice.slice(0, at) + letter + invoice.slice(at + 1)), 'accepted')
    }),
    { numRuns: 300 }
  )
})

/** The checksum is valid for the changed words, so that the parser itself is tested. */
test('an invoice with changed words and a valid checksum is refused, and nothing else is thrown', () => {
  const invoice = make()
  const at = invoice.lastIndexOf('1')
  const prefix = invoice.slice(0, at)
  const words = [...invoice.slice(at + 1, -6)].map(letter => ALPHABET.indexOf(letter))
  const change = fc.record({ at: fc.nat(words.length - 1), word: fc.nat(31), cut: fc.nat(3) })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), changes => {
      const changed = [...words]
      for (const { at, word, cut } of changes) changed.splice(at, cut, word)
      fc.pre(changed.join() !== words.join())
      assert.notEqual(refusal(withChecksum(prefix, changed)), 'accepted')
    }),
    { numRuns: 500 }
  )
})

test('any text gives a refusal and no other error', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc
      .string({ unit: fc.constantFrom(...'ln1bctrsqpzry9x8gf2vdw0jn54khe6mua7'), maxLength: 300 })
      .map(s => `lnbcrt${s}`),
    fc.array(fc.nat(31), { maxLength: 300 }).map(words => withChecksum('lnbcrt50010p', words))
  )
  fc.assert(
    fc.property(text, invoice => {
      assert.notEqual(refusal(invoice), 'accepted')
      assert.throws(() => paymentHashOf(invoice), BushelError)
    }),
    { numRuns: 500 }
  )
})

function withoutTag(temporary: string, dropped: number): string {
  const words = [...temporary.slice('temp1'.length, -6)].map(letter => ALPHABET.indexOf(letter))
  const kept = words.slice(0, 7)
  for (let at = 7; at < words.length;) {
    const end = at + 3 + (words[at + 1] as number) * 32 + (words[at + 2] as number)
    if (words[at] !== dropped) kept.push(...words.slice(at, end))
    at = end
  }
  return withChecksum('temp', kept)
}

/** Fills the key in the first routing hint of an unsigned invoice with ones. */
function withFullKey(temporary: string): string {
  const words = [...temporary.slice('temp1'.length, -6)].map(letter => ALPHABET.indexOf(letter))
  for (let at = 7; at < words.length; at += 3 + words[at + 1]! * 32 + words[at + 2]!) {
    if (words[at] !== 3) continue
    words.fill(31, at + 3 + 2, at + 3 + 52)
    break
  }
  return withChecksum('temp', words)
}

/** The error code for an invoice of anybody that cannot be read. */
function unread(invoice: string, network = 'play-1'): string {
  try {
    readInvoice(invoice, network)
  } catch (error) {
    assert.ok(error instanceof BushelError, String(error))
    assert.equal(error.exit, 5)
    assert.ok(!error.message.includes('\n'))
    return error.code
  }
  return 'read'
}

test('an invoice of anybody is read with its hash, amount, payee, text and expiry', () => {
  const read = readInvoice(make({ tags: without('expire_time') }), 'play-1')
  assert.deepEqual(read, {
    paymentHash,
    msat: 5_001n,
    payee: publicKey(key),
    description: expected.description,
    expiresAt: NOW + 3_600_000
  })
  assert.equal(readInvoice(make({ millisatoshis: null }), 'play-1').msat, null)
  assert.equal(readInvoice(`  lightning:${make().toUpperCase()}\n`, 'regtest').msat, 5_001n)
  const hashed: Tag[] = [...without('description'), { tagName: 'purpose_commit_hash', data: 'cd'.repeat(32) }]
  assert.equal(readInvoice(make({ tags: hashed }), 'play-1').description, '')
  assert.equal(readInvoice(make({ timestamp: NOW / 1000 - 86_400 }), 'play-1').expiresAt, NOW - 79_200_000)
})

test('an invoice of anybody is refused unless it is of our network and payable by this node', () => {
  assert.equal(unread(make({ network: 'bc' })), 'INVOICE_NETWORK')
  assert.equal(unread(make(), 'signet'), 'INVOICE_NETWORK')
  assert.equal(unread(make({ network: 'tbs' }), 'signet'), 'read')
  assert.equal(unread(make(), 'play-2'), 'INVOICE_REFUSED')
  const features = { ...FEATURES, gossip_queries: { required: true } }
  const bad = [
    '',
    'a coffee',
    make().slice(0, -1),
    make({ drop: 1 }),
    make({ drop: 16 }),
    make({ tags: [...TAGS, { tagName: 'description', data: 'another' }] }),
    make({ tags: instead({ tagName: 'feature_bits', data: features }) }),
    `lnbcrt1${'q'.repeat(4090)}`
  ]
  for (const text of bad) assert.equal(unread(text), 'INVOICE_REFUSED', text)
  fc.assert(fc.property(fc.string({ maxLength: 200 }), text => unread(text) === 'INVOICE_REFUSED'))
})
