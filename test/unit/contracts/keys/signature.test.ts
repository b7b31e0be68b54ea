import assert from 'node:assert/strict'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import IdentityKey from 'keet-identity-key'
import { MAX_PROOF_BYTES, attests, authorOf } from '../../../../contracts/keys/attestation.js'
import { encode } from '../../../../contracts/schema/codec.js'
import { sign, verify } from '../../../../contracts/keys/signature.js'
import { person } from '../../../samples/people.js'
import type { Person } from '../../../samples/people.js'

const [alice, alicesOther] = (await person(2)) as [Person, Person]
const [bob] = (await person()) as [Person]

test('a signature holds only for its struct, its value and its device', () => {
  const device = alice.device
  const value = { agreement: Buffer.alloc(32, 1) }
  const signature = sign('agreement-reference', value, device)
  assert.ok(verify('agreement-reference', value, signature, device.publicKey))
  assert.ok(!verify('agreement-reference', { agreement: Buffer.alloc(32, 2) }, signature, device.publicKey))
  assert.ok(!verify('agreement-reference', value, signature, bob.device.publicKey))
  assert.ok(!verify('agreement-reference', value, crypto.randomBytes(64), device.publicKey))
  for (let i = 0; i < 64; i++) {
    const bad = Buffer.from(signature)
    bad[i]! ^= 1
    assert.ok(!verify('agreement-reference', value, bad, device.publicKey), `byte ${i}`)
  }
})

test('a signature over one struct never holds for another with the same bytes', () => {
  const device = alice.device
  const key = Buffer.alloc(32, 1)
  assert.deepEqual(encode('ban', { key }), encode('agreement-reference', { agreement: key }))
  const signature = sign('ban', { key }, device)
  assert.ok(verify('ban', { key }, signature, device.publicKey))
  assert.ok(!verify('agreement-reference', { agreement: key }, signature, device.publicKey))

  const gone = { agreement: key, installment: 5, hash: key }
  const same = { agreement: key, installment: 5, preimage: key }
  assert.deepEqual(encode('void', gone), encode('paid', same))
  assert.ok(!verify('paid', same, sign('void', gone, device), device.publicKey))
})

test('an attestation shows the identity of a device and nothing else', () => {
  assert.deepEqual(authorOf(alice.proof), { identity: alice.identity, device: alice.device.publicKey })
  assert.ok(attests(alice.proof, null, { identity: alice.identity, device: alice.device.publicKey }))
  const others = [
    { identity: bob.identity, device: alice.device.publicKey },
    { identity: alice.identity, device: bob.device.publicKey },
    { identity: alice.identity, device: alicesOther.device.publicKey }
  ]
  for (const other of others) assert.ok(!attests(alice.proof, null, other))
})

test('attested data hold for the device that signed them, under the identity that attests it', () => {
  const data = crypto.randomBytes(32)
  const author = { identity: alice.identity, device: alice.device.publicKey }
  const proof = IdentityKey.attestData(data, alice.device, alice.proof)
  assert.ok(attests(proof, data, author))
  assert.ok(!attests(proof, crypto.randomBytes(32), author))
  assert.ok(!attests(alice.proof, data, author), 'an attestation without the data')
  assert.ok(!attests(proof, data, { ...author, identity: bob.identity }))
  // Bob signs with his own device under the attestation of Alice's.
  const stolen = forged(() => IdentityKey.attestData(data, bob.device, alice.proof))
  assert.ok(!attests(stolen, data, author))
  assert.ok(!attests(stolen, data, { identity: alice.identity, device: bob.device.publicKey }))
})

test('bytes that are not a proof prove nothing and throw nothing', () => {
  const author = { identity: alice.identity, device: alice.device.publicKey }
  for (let i = 0; i < 300; i++) {
    const bytes = crypto.randomBytes(i)
    assert.equal(authorOf(bytes), null)
    assert.ok(!attests(bytes, null, author))
  }
  for (let i = 0; i < alice.proof.byteLength; i++) {
    const bad = Buffer.from(alice.proof)
    bad[i]! ^= 0x40
    // A changed proof that still holds (its last byte counts attested data) shows the same identity.
    if (i < alice.proof.byteLength - 1) assert.ok(!attests(bad, null, author), `byte ${i}`)
    else assert.ok(!attests(bad, null, { ...author, identity: bob.identity }))
    assert.ok(!attests(alice.proof.subarray(0, i), null, author), `${i} bytes`)
  }
  assert.equal(authorOf(null), null)
  assert.ok(!attests(null, null, author))
})

test('a chain of devices is read up to a limit of bytes', async () => {
  const author = { identity: alice.identity, device: alice.device.publicKey }
  // Each device attests the next one, so the chain grows and names the last.
  const chain: { proof: Buffer; device: Buffer }[] = []
  let from = { device: alice.device, proof: alice.proof }
  while (chain.length < 20) {
    const device = crypto.keyPair()
    const proof = IdentityKey.attestDevice(device.publicKey, from.device, from.proof)!
    chain.push({ proof, device: device.publicKey })
    from = { device, proof }
  }
  assert.ok(chain[0]!.proof.byteLength <= MAX_PROOF_BYTES)
  assert.ok(chain.at(-1)!.proof.byteLength > MAX_PROOF_BYTES)
  for (const { proof, device } of chain) {
    const isRead = proof.byteLength <= MAX_PROOF_BYTES
    assert.deepEqual(authorOf(proof), isRead ? { identity: author.identity, device } : null)
    assert.equal(attests(proof, null, { identity: author.identity, device }), isRead)
  }
})

/** A forgery as the library makes it; null when the library refuses. */
function forged(make: () => Buffer): Buffer | null {
  try {
    return make()
  } catch {
    return null // the library refuses to make it
  }
}
