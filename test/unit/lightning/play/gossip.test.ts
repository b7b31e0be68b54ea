import assert from 'node:assert/strict'
import { createECDH, createHash, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import * as ldk from '#ldk'
import { LdkEngine } from '../../../../src/lightning/backends/play/child/engine.js'
import { loadLdk } from '../../../../src/lightning/backends/play/child/ldk.js'
import { createWalletDir, openState } from '../../../../src/lightning/backends/play/log/disk.js'
import { Store } from '../../../../src/lightning/backends/play/log/store.js'

const ORDER = BigInt('0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
const REGTEST = Buffer.from('06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f', 'hex')

interface Signer {
  secret: KeyObject
  point: Buffer
}

function signer(): Signer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const { d } = privateKey.export({ format: 'jwk' })
  const ecdh = createECDH('secp256k1')
  ecdh.setPrivateKey(Buffer.from(d!, 'base64url'))
  return { secret: privateKey, point: ecdh.getPublicKey(null, 'compressed') }
}

/** A signature over the double SHA-256 of the bytes, with the smaller S, as Lightning wants it. */
function signature(bytes: Buffer, { secret }: Signer): Buffer {
  const once = createHash('sha256').update(bytes).digest()
  const made = sign('sha256', once, { key: secret, dsaEncoding: 'ieee-p1363' })
  const s = BigInt('0x' + made.subarray(32).toString('hex'))
  const low = (s > ORDER / 2n ? ORDER - s : s).toString(16).padStart(64, '0')
  return Buffer.concat([made.subarray(0, 32), Buffer.from(low, 'hex')])
}

/** A channel that nobody has, signed by its two nodes and the two keys of its funding. */
function inventedChannel(): ldk.ChannelAnnouncement {
  const nodes = [signer(), signer()].sort((a, b) => Buffer.compare(a.point, b.point))
  const funders = [signer(), signer()]
  const all = [...nodes, ...funders]
  const id = Buffer.from('0000640000010000', 'hex')
  const contents = Buffer.concat([Buffer.alloc(2), REGTEST, id, ...all.map(({ point }) => point)])
  const bytes = Buffer.concat([...all.map(one => signature(contents, one)), contents])
  const read = ldk.ChannelAnnouncement.constructor_read(bytes)
  assert.ok(read instanceof ldk.Result_ChannelAnnouncementDecodeErrorZ_OK)
  return read.res
}

test('a channel of others that a peer tells of is not kept', async t => {
  const log = console.log
  await loadLdk()
  console.log = log
  const dir = await mkdtemp(join(tmpdir(), 'bushel-gossip-'))
  t.after(() => rm(dir, { recursive: true }))
  createWalletDir(dir, 1_000n)
  const state = openState(dir)
  const store = new Store(state.log)
  t.after(() => store.close())
  const { gossip } = new LdkEngine(state.seed, store)
  gossip.handle_channel_announcement(signer().point, inventedChannel())
  const kept = gossip.get_next_channel_announcement(0n)
  assert.ok(kept instanceof ldk.Option_C3Tuple_ChannelAnnouncementChannelUpdateChannelUpdateZZ_None)
})
