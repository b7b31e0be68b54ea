import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MirrorExport } from '#spec'
import { sealFor } from '../../../../src/identity/sealed.js'
import { MIRROR } from '../../../../src/storage/buyer/mirror-state.js'
import { packExport, unpackExport } from '../../../../src/storage/takeover/export-file.js'
import { NOW, Owner } from '../../../parts/storage/taken.js'
import type { Person } from '../../../samples/people.js'

/** Where the sealed part begins: magic, version, identity. */
const BOX = 14 + 1 + 32

function exportedBy({ identity, device }: Person): MirrorExport {
  const mirror = {
    ...{ path: '/films', store: 'a1', link: 'bushel://', files: 1, bytes: 1, cores: [], agreements: [] },
    ...{ fingerprint: Buffer.alloc(32), market: Buffer.alloc(32), sha256: Buffer.alloc(32) },
    ...{ copies: 2, time: 1, offer: 0n, maxPrice: 0n, prepayMaxMsat: 0n, state: MIRROR.KEPT }
  }
  return { identity, device: device.publicKey, at: NOW, mirror, leases: [], takeovers: [] }
}

test('what a device has exported is opened with the words, and with no others', async () => {
  const [owner, stranger] = [await Owner.make(), await Owner.make()]
  const laptop = await owner.device()
  const file = packExport(exportedBy(laptop), laptop.device, laptop.proof)
  assert.equal(file.includes('/films'), false)
  const read = unpackExport(file, owner.key)
  assert.equal(read.mirror!.path, '/films')
  assert.ok(read.device.equals(laptop.device.publicKey))
  assert.throws(() => unpackExport(file, stranger.key), { code: 'BAD_WORDS' })
})

test('a file with any byte changed or missing is refused', async () => {
  const owner = await Owner.make()
  const laptop = await owner.device()
  const file = packExport(exportedBy(laptop), laptop.device, laptop.proof)
  for (let at = 0; at < file.byteLength; at += 7) {
    const damaged = Buffer.from(file)
    damaged[at] = damaged[at]! ^ 1
    const code = at >= 15 && at < BOX ? 'BAD_WORDS' : 'BAD_EXPORT'
    assert.throws(() => unpackExport(damaged, owner.key), { code }, `byte ${at}`)
    assert.throws(() => unpackExport(file.subarray(0, at), owner.key), { code: 'BAD_EXPORT' })
  }
})

test('what somebody else has sealed for an identity is refused', async () => {
  const [owner, stranger] = [await Owner.make(), await Owner.make()]
  const [laptop, thief] = [await owner.device(), await stranger.device()]
  const claims = [
    packExport({ ...exportedBy(laptop) }, thief.device, thief.proof),
    packExport({ ...exportedBy(thief), identity: owner.identity }, thief.device, thief.proof)
  ]
  for (const file of claims)
    assert.throws(() => unpackExport(file, owner.key), {
      code: 'BAD_EXPORT',
      message: /no device of the identity/
    })
  const head = packExport(exportedBy(laptop), laptop.device, laptop.proof).subarray(0, BOX)
  const garbage = Buffer.concat([head, sealFor(owner.identity, Buffer.from('garbage'))])
  assert.throws(() => unpackExport(garbage, owner.key), { code: 'BAD_EXPORT' })
})
