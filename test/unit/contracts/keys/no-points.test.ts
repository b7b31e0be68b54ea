import assert from 'node:assert/strict'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import { attests, authorOf } from '../../../../contracts/keys/attestation.js'
import { isNodeId } from '../../../../contracts/keys/node-id.js'
import { PUBLIC_READ, verifyRead } from '../../../../contracts/keys/read-key.js'
import { sign, verify } from '../../../../contracts/keys/signature.js'
import { person } from '../../../samples/people.js'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
/** The points of small order of Ed25519, and encodings that are no points. */
const KEYS = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  'ff'.repeat(32),
  `02${'00'.repeat(31)}`
].map(hex)
/** With a key of small order the second holds for any message unless such keys are refused. */
const SIGNATURES = [Buffer.alloc(64), Buffer.concat([hex(`01${'00'.repeat(31)}`), Buffer.alloc(32)])]
const VOID = { agreement: Buffer.alloc(32, 1), installment: 1, hash: Buffer.alloc(32, 2) }

test('no signature holds under a key of small order or one that is no point', () => {
  for (const key of KEYS) {
    for (const signature of [...SIGNATURES, Buffer.concat([key, Buffer.alloc(32)])]) {
      assert.equal(verify('void', VOID, signature, key), false)
      const connection = { handshakeHash: Buffer.alloc(64), reader: key, provider: key, isInitiator: true }
      assert.equal(verifyRead(connection, key, signature), false)
      assert.equal(verifyRead(connection, PUBLIC_READ, signature), false)
    }
  }
})

test('signatures and keys of another length hold for nothing, and throw nothing', () => {
  const { publicKey, secretKey } = crypto.keyPair()
  const signature = sign('void', VOID, { publicKey, secretKey })
  assert.equal(verify('void', VOID, signature, publicKey), true)
  for (const length of [0, 1, 32, 63])
    assert.equal(verify('void', VOID, signature.subarray(0, length), publicKey), false)
  assert.equal(verify('void', VOID, Buffer.concat([signature, Buffer.alloc(1)]), publicKey), false)
  for (const length of [0, 31])
    assert.equal(verify('void', VOID, signature, publicKey.subarray(0, length)), false)
})

test('an attestation that is cut, extended or of a key that is no point proves nothing', async () => {
  const [one] = await person()
  const { proof, identity, device } = one!
  const author = { identity, device: device.publicKey }
  assert.equal(attests(proof, null, author), true)
  for (let end = 0; end < proof.byteLength; end++) {
    assert.equal(attests(proof.subarray(0, end), null, author), false)
    assert.equal(authorOf(proof.subarray(0, end)), null)
  }
  for (const key of KEYS) {
    assert.equal(attests(proof, null, { ...author, identity: key }), false)
    assert.equal(attests(proof, null, { ...author, device: key }), false)
    for (let at = 0; at + 32 <= proof.byteLength; at++) {
      const forged = Buffer.from(proof)
      key.copy(forged, at)
      assert.equal(authorOf(forged), null, `a key at ${at}`)
    }
  }
})

test('an attestation without a signature proves nothing', async () => {
  const [one] = await person()
  const key = one!.device.publicKey
  // Version, epoch, identity, a chain of no links, no data.
  const bare = Buffer.concat([one!.proof.subarray(0, 9), key, Buffer.alloc(2)])
  assert.equal(attests(bare, null, { identity: key, device: key }), false)
  assert.equal(authorOf(bare), null)
})

test('only a compressed point of the curve is a node id', () => {
  const ids = [
    '',
    '00'.repeat(33),
    '02'.repeat(32),
    `02${'ff'.repeat(32)}`,
    `04${'11'.repeat(64)}`,
    `06${'11'.repeat(64)}`,
    `05${'11'.repeat(32)}`
  ]
  for (const id of ids) assert.equal(isNodeId(hex(id)), false, id)
})
