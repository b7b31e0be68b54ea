import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ComputeAsk, ComputeBid, StorageAsk, StorageBid } from '#spec'
import { MAX_MSAT } from '../../../contracts/money/money.js'
import { DAY, GIB, HOUR, MIB, TIB } from '../../../contracts/money/quantity.js'
import { encode } from '../../../contracts/schema/codec.js'
import { compute } from '../../../src/compute/resource.js'
import { storage } from '../../../src/storage/resource.js'

const storageAsk: StorageAsk = {
  space: GIB,
  minTime: HOUR,
  maxTime: 30 * DAY,
  minChargeMsat: 1000n,
  region: 'eu'
}
const storageBid: StorageBid = { bytes: GIB, blocks: 4096, time: 30 * DAY, copies: 3 }
const computeAsk: ComputeAsk = {
  ...{ cores: 4, memory: 8 * GIB, isolation: 'bwrap', fuel: 'fuel/1' },
  ...{ baseMsat: 1000n, region: 'eu' }
}
const computeBid: ComputeBid = { memory: GIB, fuel: 'fuel/1', providers: 3, maxMsat: 100_000n }
const MALFORMED = { code: 'MALFORMED' }

test('the body of a storage order without a sensible meaning is malformed', () => {
  const asks: Partial<StorageAsk>[] = [
    { space: 0 },
    { minTime: 0 },
    { maxTime: HOUR - 1 },
    { region: 'x'.repeat(65) },
    { minChargeMsat: MAX_MSAT + 1n }
  ]
  for (const given of asks) {
    const body = encode('storage-ask', { ...storageAsk, ...given })
    assert.throws(() => storage.ask.decode(body), MALFORMED, Object.keys(given).join())
  }
  for (const given of [{ bytes: 0 }, { time: 0 }, { copies: 0 }, { copies: 65 }] as Partial<StorageBid>[]) {
    const body = encode('storage-bid', { ...storageBid, ...given })
    assert.throws(() => storage.bid.decode(body), MALFORMED, Object.keys(given).join())
  }
  for (const body of [Buffer.from([0]), Buffer.concat([encode('storage-ask', storageAsk), Buffer.from([0])])])
    assert.throws(() => storage.ask.decode(body), MALFORMED)
  assert.deepEqual(storage.ask.decode(encode('storage-ask', storageAsk)), storageAsk)
  assert.deepEqual(storage.bid.decode(encode('storage-bid', storageBid)), storageBid)
})

test('a compute order states a possible machine or is malformed', () => {
  const asks: Partial<ComputeAsk>[] = [
    { cores: 0 },
    { cores: 1025 },
    { memory: MIB - 1 },
    { memory: 64 * TIB + 1 },
    { isolation: 'none' },
    { isolation: '' },
    { fuel: '' },
    { fuel: 'fuel' },
    { fuel: 'fuel/1\n' },
    { fuel: `${'f'.repeat(33)}/1` },
    { baseMsat: 0n },
    { baseMsat: MAX_MSAT + 1n },
    { region: 'x'.repeat(65) }
  ]
  for (const given of asks) {
    const body = encode('compute-ask', { ...computeAsk, ...given })
    assert.throws(() => compute.ask.decode(body), MALFORMED, JSON.stringify(Object.values(given).map(String)))
  }
  const bids: Partial<ComputeBid>[] = [
    { memory: 0 },
    { memory: 64 * TIB + 1 },
    { fuel: 'Fuel/1' },
    { providers: 0 },
    { providers: 17 },
    { maxMsat: 0n },
    { maxMsat: MAX_MSAT + 1n }
  ]
  for (const given of bids) {
    const body = encode('compute-bid', { ...computeBid, ...given })
    assert.throws(() => compute.bid.decode(body), MALFORMED, JSON.stringify(Object.values(given).map(String)))
  }
  for (const ends of [{ cores: 1 }, { cores: 1024 }, { memory: MIB }, { isolation: 'process' }]) {
    const good = { ...computeAsk, ...ends }
    assert.deepEqual(compute.ask.decode(encode('compute-ask', good)), good)
  }
  for (const body of [
    encode('storage-ask', storageAsk),
    Buffer.concat([encode('compute-ask', computeAsk), Buffer.alloc(1)])
  ])
    assert.throws(() => compute.ask.decode(body), MALFORMED)
})
