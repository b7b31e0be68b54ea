import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import createTestnet from 'hyperdht/testnet.js'
import { DealPair } from './deal-pair.js'

/** A pair on a network of its own, and a function that closes both. */
export async function openPair(): Promise<{ pair: DealPair; close: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-pair-'))
  const testnet = await createTestnet(2, { host: '127.0.0.1' })
  const pair = await DealPair.open(join(dir, 'pair'), testnet.bootstrap)
  const close = async (): Promise<void> => {
    await pair.close()
    await testnet.destroy()
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  return { pair, close }
}

/** An ended lease for which two installments are owed back. */
export async function owedLease(pair: DealPair): Promise<Buffer> {
  const lease = await pair.deal({ installments: 3 })
  await pair.end(lease)
  assert.equal(pair.buyer.debts.get('creditor', lease)!.leftMsat, 2_000n)
  return lease
}

/** What the provider has settled of a debt, by refund and by credit, msat. */
export function settledOf({ provider }: DealPair, lease: Buffer): bigint {
  const { ledger } = provider.payments
  return ledger.totals(lease).refundedMsat + ledger.creditOf(lease)
}

/** Resolves when the next message of that kind has arrived, with what `then` returned at once. */
export function atMessage<T>(
  { wire }: DealPair,
  method: string,
  way: string,
  then: () => Promise<T>
): Promise<T> {
  return new Promise((resolve, reject) => {
    wire.chooseFault = message => {
      if (message.method !== method || message.way !== way) return null
      wire.chooseFault = () => null
      then().then(resolve, reject)
      return null
    }
  })
}
