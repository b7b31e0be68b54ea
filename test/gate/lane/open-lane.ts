import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import createTestnet from 'hyperdht/testnet.js'
import { Lane } from './lane.js'

/** A pair on a network of its own, and a function that closes both. */
export async function openLane(): Promise<{ lane: Lane; close: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-lane-'))
  const testnet = await createTestnet(2, { host: '127.0.0.1' })
  const lane = await Lane.open(join(dir, 'lane'), testnet.bootstrap)
  const close = async (): Promise<void> => {
    await lane.close()
    await testnet.destroy()
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  return { lane, close }
}

/** What the provider has settled of a debt, by refund and by credit, msat. */
export function settledOf({ provider }: Lane, lease: Buffer): bigint {
  const { ledger } = provider.payments
  return ledger.totals(lease).refundedMsat + ledger.creditOf(lease)
}

/** Resolves when the next message of that kind has arrived, with what `then` returned at once. */
export function atMessage<T>(
  { wire }: Lane,
  method: string,
  way: string,
  then: () => Promise<T>
): Promise<T> {
  return new Promise((resolve, reject) => {
    wire.fate = message => {
      if (message.method !== method || message.way !== way) return null
      wire.fate = () => null
      then().then(resolve, reject)
      return null
    }
  })
}
