import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { LeaseEntry } from './world.js'

/**
 * What one buyer paid, msat, checked against the books of both sides: every receipt is proven by its
 * preimage, no hash and no installment occurs twice, and the sums are equal.
 */
export function settled(buyer: LeaseEntry[], providers: LeaseEntry[]): bigint {
  let sum = 0n
  for (const bought of buyer.filter(lease => lease.role === 'buyer')) {
    const sold = providers.filter(lease => lease.role === 'provider' && lease.id === bought.id)
    if (bought.receipts.length === 0 && sold.length === 0) continue
    assert.equal(sold.length, 1, `lease ${bought.id} is in the books of one provider`)
    const paid = provenSum(bought)
    assert.equal(provenSum(sold[0]!), paid, 'what was received is what was paid')
    assert.equal(paid, BigInt(bought.paidMsat))
    assert.equal(paid, BigInt(sold[0]!.earnedMsat))
    assert.deepEqual(hashesOf(bought), hashesOf(sold[0]!))
    sum += paid
  }
  return sum
}

function provenSum({ receipts }: LeaseEntry): bigint {
  const installments = new Set<number>()
  const hashes = new Set<string>()
  let sum = 0n
  for (const { installment, msat, hash, preimage } of receipts) {
    assert.equal(
      createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex'),
      hash,
      'a receipt that proves'
    )
    assert.ok(!installments.has(installment), `installment ${installment} is paid once`)
    assert.ok(!hashes.has(hash), 'each hash is paid once')
    installments.add(installment)
    hashes.add(hash)
    sum += BigInt(msat)
  }
  return sum
}

function hashesOf({ receipts }: LeaseEntry): string[] {
  return receipts.map(({ hash }) => hash).sort()
}
