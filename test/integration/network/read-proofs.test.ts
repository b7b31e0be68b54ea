import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Duplex } from 'node:stream'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import { readKeyPair } from '../../../contracts/keys/read-key.js'
import { BOUNDS } from '../../../src/base/bounds/bounds.js'
import { acceptProofs, hasProven, proveRead, refuseReader } from '../../../src/network/read-proofs.js'
import type { Refusal } from '../../../src/network/read-proofs.js'
import { atEnd, connect } from '../../parts/storage/wire.js'

const LINK = readKeyPair(Buffer.alloc(32, 7))

/** A provider and a reader with a connection between them. */
async function pair(t: Parameters<typeof atEnd>[0]): Promise<[provider: NoiseStream, reader: NoiseStream]> {
  const wire = connect(null, null)
  atEnd(t, () => wire.cut())
  const [provider, reader] = wire.ends as Duplex[] as [NoiseStream, NoiseStream]
  acceptProofs(provider)
  await Promise.all([provider.opened, reader.opened])
  return [provider, reader]
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate)
}

const channelsOf = (stream: NoiseStream): number =>
  [...Protomux.from(stream)].filter(({ protocol }) => protocol === 'bushel/read').length

test('a proof holds until the reader withdraws it, and leaves nothing on the connection', async t => {
  const [provider, reader] = await pair(t)
  const told: Refusal[] = []
  const withdraw = proveRead(reader, LINK, why => told.push(why))
  const withdrawOther = proveRead(reader, LINK)
  await until(() => hasProven(provider, LINK.publicKey) && channelsOf(provider) === 2)
  refuseReader(provider, LINK.publicKey, 'over')
  await until(() => told.length > 0)
  assert.deepEqual(told, ['over'])
  withdraw()
  await until(() => channelsOf(provider) === 1)
  assert.ok(hasProven(provider, LINK.publicKey), 'the other proof holds')
  withdrawOther()
  await until(() => channelsOf(provider) === 0)
  assert.equal(hasProven(provider, LINK.publicKey), false)
  assert.equal(channelsOf(reader), 0)
  refuseReader(provider, LINK.publicKey, 'spent')
})

test('a proof that is withdrawn before the connection is open is not made', async t => {
  const wire = connect(null, null)
  atEnd(t, () => wire.cut())
  const [provider, reader] = wire.ends as Duplex[] as [NoiseStream, NoiseStream]
  acceptProofs(provider)
  const withdraw = proveRead(reader, LINK)
  withdraw()
  await Promise.all([provider.opened, reader.opened])
  const other = readKeyPair(Buffer.alloc(32, 8))
  proveRead(reader, other)
  await until(() => hasProven(provider, other.publicKey))
  assert.equal(hasProven(provider, LINK.publicKey), false)
})

test('more proofs at once than the bound end the connection', async t => {
  const [provider, reader] = await pair(t)
  const closed = new Promise(resolve => provider.once('close', resolve))
  for (let i = 0; i <= BOUNDS.proofs.peer!; i++) {
    proveRead(reader, LINK)()
    if (i % 32 === 0) await new Promise(setImmediate)
  }
  await closed
})
