import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import bolt11 from 'bolt11'
import fc from 'fast-check'
import { BushelError } from '../../../contracts/errors/error.js'
import { checkInvoice, paymentHashOf, readInvoice } from '../../../src/lightning/invoice.js'
import { ALPHABET, withChecksum } from '../../samples/bech32.js'
import { runs } from '../../samples/mutation.js'

const NOW = 1_800_000_000_000
const REGTEST = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] }
const paymentHash = createHash('sha256').update('a preimage').digest()

function invoice(description: string, msat: string, key: number): string {
  const tags = [
    { tagName: 'payment_hash', data: paymentHash.toString('hex') },
    { tagName: 'payment_secret', data: randomBytes(32).toString('hex') },
    { tagName: 'description', data: description },
    { tagName: 'expire_time', data: 7200 },
    { tagName: 'min_final_cltv_expiry', data: 24 },
    {
      tagName: 'feature_bits',
      data: { word_length: 4, payment_secret: { required: true, supported: false } }
    }
  ]
  const request = { network: REGTEST, timestamp: NOW / 1000, millisatoshis: msat, tags }
  return bolt11.sign(bolt11.encode(request, false), Buffer.alloc(32, key)).paymentRequest!
}

const good = [invoice('bushel/1 abc 0', '5001', 5), invoice('ein Kaffee €', '100000000', 6)]

interface Split {
  prefix: string
  words: number[]
}

function split(invoice: string): Split {
  const at = invoice.lastIndexOf('1')
  const words = [...invoice.slice(at + 1, -6)].map(letter => ALPHABET.indexOf(letter))
  return { prefix: invoice.slice(0, at), words }
}

const prefix = fc.oneof(
  fc.constantFrom(
    'lnbcrt',
    'lnbcrt50010p',
    'lnbcrt1n',
    'lnbcrt9999999999999999999',
    'lnbcrt1p',
    'lnbcrt21000000',
    'lnbc1m'
  ),
  fc.nat().map(n => `lnbcrt${n}p`),
  fc
    .constantFrom('m', 'u', 'n', 'p')
    .chain(unit => fc.bigInt({ min: 0n, max: 10n ** 30n }).map(n => `lnbcrt${n}${unit}`))
)
const word = fc.nat(31)
const run = fc.array(word, { minLength: 1, maxLength: 6 })
const change = fc.record({ at: fc.nat(), cut: fc.nat(6), run })
/** A tag of any kind and of any length that can be encoded, some with the length they state. */
const tag = fc
  .record({
    kind: fc.oneof(word, fc.constantFrom(3, 6, 9, 13, 23, 24)),
    data: fc.oneof(
      fc.array(word, { maxLength: 12 }),
      fc.integer({ min: 0, max: 700 }).chain(size => word.map(one => new Array<number>(size).fill(one)))
    ),
    lie: fc.option(fc.nat(1023), { freq: 8 })
  })
  .map(({ kind, data, lie }) => {
    const length = lie ?? data.length
    return [kind, length >> 5, length & 31, ...data]
  })
const TIMESTAMP = 7
const SIGNATURE = 104

/** Words anywhere, or tags in tag positions, with existing ones dropped, moved or preceded by others. */
const mutant = fc
  .record({
    which: fc.constantFrom(...good.map(split)),
    prefix: fc.option(prefix),
    changes: fc.array(change, { maxLength: 3 }),
    tags: fc.array(tag, { maxLength: 3 }),
    without: fc.oneof(fc.constantFrom(0, 4, 8, 8, 16, 32), fc.nat(63)),
    blind: fc.boolean()
  })
  .map(({ which, prefix, changes, tags, without, blind }) => {
    const words = [...which.words]
    if (blind) for (const { at, cut, run } of changes) words.splice(at % (words.length + 1), cut, ...run)
    const body = blind
      ? words.slice(TIMESTAMP, -SIGNATURE)
      : tagsOf(words).flatMap((one, i) => ((without >> i) & 1 ? [] : one))
    const all = [...words.slice(0, TIMESTAMP), ...body, ...tags.flat(), ...words.slice(-SIGNATURE)]
    return withChecksum(prefix ?? which.prefix, all)
  })

function tagsOf(words: readonly number[]): number[][] {
  const tags: number[][] = []
  for (let at = TIMESTAMP; at < words.length - SIGNATURE;) {
    const end = at + 3 + words[at + 1]! * 32 + words[at + 2]!
    tags.push(words.slice(at, end))
    at = end
  }
  return tags
}

test('a mutated invoice with a valid checksum is refused, or its fields are within their bounds', () => {
  let read = 0
  fc.assert(
    fc.property(mutant, text => {
      let reading: ReturnType<typeof readInvoice>
      try {
        reading = readInvoice(text, 'play-1')
      } catch (error) {
        assert.ok(error instanceof BushelError && error.exit === 5, String(error))
        assert.ok(error.code === 'INVOICE_REFUSED' || error.code === 'INVOICE_NETWORK', error.code)
        assert.doesNotMatch(error.message, /[\u0000-\u001f]/)
        return
      }
      read++
      assert.equal(reading.paymentHash.byteLength, 32)
      assert.equal(reading.payee.byteLength, 33)
      assert.ok(reading.msat === null || reading.msat >= 0n)
      assert.ok(reading.msat === null || reading.msat <= 21_000_000n * 100_000_000_000n)
      assert.ok(Number.isSafeInteger(reading.expiresAt), `${reading.expiresAt}`)
      assert.doesNotThrow(() => new Date(reading.expiresAt).toISOString())
      assert.deepEqual(paymentHashOf(text), reading.paymentHash)
    }),
    runs(3000)
  )
  assert.ok(read > 200, `${read} were read`)
})

test('no mutated invoice passes for the agreed one', () => {
  const { payeeNodeKey } = bolt11.decode(good[0]!, REGTEST)
  const expected = {
    network: 'play-1',
    paymentHash,
    msat: 5_001n,
    payee: Buffer.from(payeeNodeKey!, 'hex'),
    description: 'bushel/1 abc 0',
    now: NOW
  }
  assert.equal(checkInvoice(good[0]!, expected).msat, 5_001n)
  fc.assert(
    fc.property(mutant, text => {
      fc.pre(text !== good[0])
      assert.throws(() => checkInvoice(text, expected), BushelError)
    }),
    runs(1000)
  )
})
