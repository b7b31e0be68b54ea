import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstallmentList, Terms } from '#spec'
import { formatKey } from '../../../../contracts/keys/key.js'
import {
  MAX_RECEIPT_BYTES,
  formatReceipt,
  parseReceipt,
  verifyReceipt
} from '../../../../contracts/evidence/receipt.js'
import type { Receipt } from '../../../../contracts/evidence/receipt.js'
import { planInstallments } from '../../../../contracts/money/installments.js'
import { sign } from '../../../../contracts/keys/signature.js'
import { agreementId } from '../../../../contracts/terms.js'
import { paidInstallment, preimageOf } from '../../../samples/evidence/paid-installment.js'
import { assertRefused } from './refused-files.js'
import { twoPeople } from '../../../samples/people.js'

const [buyer, provider] = await twoPeople()
const paid = paidInstallment(buyer, provider)

/** The same list with this change, signed by the provider. */
function countersignWith(change: Partial<InstallmentList>): Receipt['countersign'] {
  const list = { ...paid.list, ...change }
  return { list, signature: sign('installment-list', list, provider.device) }
}

const faults = (change: Partial<Receipt>): string[] => {
  const { ok, faults } = verifyReceipt({ ...paid.receipt, ...change })
  assert.equal(ok, faults.length === 0)
  return faults
}

const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  copy[5]! ^= 1
  return copy
}

test('a receipt is verified from its file alone and shows what was paid to whom', () => {
  const { terms, receipt } = paid
  const verdict = verifyReceipt(parseReceipt(formatReceipt(receipt)))
  assert.deepEqual(verdict, {
    ok: true,
    agreement: formatKey(agreementId(terms)),
    installment: 1,
    msat: planInstallments(terms)[1]!.msat.toString(),
    buyer: formatKey(buyer.device.publicKey),
    provider: formatKey(provider.device.publicKey),
    faults: []
  })
})

test('every installment of the list has a receipt of its own', () => {
  const installments = planInstallments(paid.terms)
  assert.ok(installments.length > 2)
  for (const { number, msat } of installments) {
    const receipt = { ...paid.receipt, installment: number, preimage: preimageOf(number) }
    const verdict = verifyReceipt(parseReceipt(formatReceipt(receipt)))
    assert.deepEqual([verdict.faults, verdict.installment, verdict.msat], [[], number, `${msat}`])
  }
})

test('changed terms match neither their signatures nor the list', () => {
  const changes: Partial<Terms>[] = [
    { price: paid.terms.price + 1n },
    { nonce: Buffer.alloc(32, 99) },
    { egressBytes: 0 },
    { network: 'bitcoin' }
  ]
  for (const change of changes) {
    const found = faults({ terms: { ...paid.terms, ...change } })
    assert.ok(found.includes('the buyer did not sign these terms'))
    assert.ok(found.includes('the list of installments is for another agreement'))
  }
  // Signed again by the buyer alone, the terms still differ from those of the provider's list.
  const terms = { ...paid.terms, egressBytes: 0 }
  assert.deepEqual(faults({ terms, buyer: sign('terms', terms, buyer.device) }), [
    'the list of installments is for another agreement'
  ])
})

test('an invalid signature of the buyer is named', () => {
  const said = ['the buyer did not sign these terms']
  assert.deepEqual(faults({ buyer: flipped(paid.receipt.buyer) }), said)
  assert.deepEqual(faults({ buyer: sign('terms', paid.terms, provider.device) }), said)
})

test('a list that the provider did not sign is named', () => {
  const said = ['the provider did not sign this list of installments']
  const { countersign } = paid.receipt
  assert.deepEqual(
    faults({ countersign: { ...countersign, signature: flipped(countersign.signature) } }),
    said
  )
  const byBuyer = sign('installment-list', paid.list, buyer.device)
  assert.deepEqual(faults({ countersign: { ...countersign, signature: byBuyer } }), said)
  const installments = paid.list.installments.map(listed => ({ ...listed, issue: 1 }))
  assert.deepEqual(faults({ countersign: { ...countersign, list: { ...paid.list, installments } } }), said)
})

test('a list for another agreement is named', () => {
  assert.deepEqual(faults({ countersign: countersignWith({ agreement: Buffer.alloc(32, 8) }) }), [
    'the list of installments is for another agreement'
  ])
})

test('an installment outside the list or the agreement is named', () => {
  const without = paid.list.installments.filter(({ installment }) => installment !== 1)
  assert.deepEqual(faults({ countersign: countersignWith({ installments: without }) }), [
    'the list has no installment 1'
  ])
  const beyond = { ...paid.list.installments[1]!, installment: 1000 }
  assert.deepEqual(
    faults({
      installment: 1000,
      countersign: countersignWith({ installments: [...paid.list.installments, beyond] })
    }),
    ['the agreement has no installment 1000']
  )
})

test('an amount that differs from the schedule is named, with both amounts', () => {
  const due = planInstallments(paid.terms)[1]!.msat
  for (const msat of [due + 1n, due - 1n, 0n]) {
    const installments = paid.list.installments.map(listed =>
      listed.installment === 1 ? { ...listed, msat } : listed
    )
    assert.deepEqual(faults({ countersign: countersignWith({ installments }) }), [
      `installment 1 is ${msat} msat in the list and ${due} msat in the terms`
    ])
  }
})

test('a preimage of another hash is named', () => {
  const said = ['the preimage does not match the hash in the list']
  assert.deepEqual(faults({ preimage: preimageOf(2) }), said)
  assert.deepEqual(faults({ preimage: flipped(paid.receipt.preimage) }), said)
})

test('an agreement id that differs from that of its terms is named', () => {
  const named = JSON.parse(formatReceipt(paid.receipt)) as Record<string, unknown>
  const other = JSON.stringify({ ...named, agreement: formatKey(Buffer.alloc(32, 3)) })
  assert.deepEqual(verifyReceipt(parseReceipt(other)).faults, ['its terms are those of another agreement'])
})

test('a file that is not a receipt is refused in one line with the reason', () => {
  const text = formatReceipt(paid.receipt)
  assertRefused({ parse: parseReceipt, text, format: 'bushel-receipt', maxBytes: MAX_RECEIPT_BYTES }, [
    [{ agreement: 5 }, /'agreement' is missing/],
    [{ installment: -1 }, /'installment' is not a whole number/],
    [{ installment: 1.5 }, /'installment' is not a whole number/],
    [{ installment: '1' }, /'installment' is not a whole number/],
    [{ preimage: 'ab' }, /'preimage' is not 32 bytes/],
    [{ preimage: 'AB'.repeat(32) }, /'preimage' is not 32 bytes/],
    [{ preimage: ['ab'.repeat(32)] }, /'preimage' is not 32 bytes/],
    [{ buyer: 'ab'.repeat(65) }, /'buyer' is not 64 bytes/],
    [{ terms: 5 }, /'terms' is missing/],
    [{ terms: '' }, /malformed terms/],
    [{ countersign: 'AAAA' }, /malformed countersign/]
  ])
  assert.ok(parseReceipt(text + ' '.repeat(MAX_RECEIPT_BYTES - text.length)), 'the largest there may be')
})
