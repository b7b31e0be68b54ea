import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import type Hypercore from 'hypercore'
import type Corestore from 'corestore'
import { MIB } from '../../../contracts/money/quantity.js'
import { attachCore, openStore } from '../../../src/network/cores.js'
import { MAX_BACKLOG } from '../../../src/network/mux.js'
import { lightningId, person } from '../../samples/people.js'
import { Side } from '../deal/sides.js'

const LIMIT = { timeout: 60_000 }
/** The bytes that one message may be over the limit: a batch of Protomux, or an answer to an audit. */
const ONE_MESSAGE = 13 * MIB
const FLOODER = fileURLToPath(new URL('./flooder.js', import.meta.url))

let testnet: Testnet
let folder: string
let side: Side
let store: Corestore
let core: Hypercore

before(async () => {
  testnet = await createTestnet(2, { host: '127.0.0.1' })
  folder = await mkdtemp(join(tmpdir(), 'bushel-backlog-'))
  const [one] = await person()
  const self = { ...one!, lightning: lightningId(), network: 'play-1' }
  side = new Side(self, join(folder, 'store'), testnet.bootstrap)
  await side.open()
  const proof = { core: 0, index: 0, value: crypto.randomBytes(4 * MIB), nodes: [], roots: [] }
  side.deals.handle('audit', ({ nonce }) => ({ body: { nonce, proofs: [proof] } }))
  store = openStore(join(folder, 'store'))
  core = store.get({ name: 'core' })
  await core.append(crypto.randomBytes(MIB))
  side.network.on('connection', (stream: NoiseStream) => attachCore(core, stream))
})

after(async () => {
  await side.close()
  await store.close()
  await testnet.destroy()
  await rm(folder, { recursive: true })
})

for (const [asked, count] of [
  ['audits', 150],
  ['blocks', 1500]
] as const) {
  test(`a peer that requests ${asked} and reads none of them loses its connection`, LIMIT, async t => {
    const arrived = once(side.network, 'connection') as Promise<[NoiseStream]>
    const given = [JSON.stringify(testnet.bootstrap), side.device.toString('hex'), core.key.toString('hex')]
    const child = fork(FLOODER, [...given, asked, `${count}`, folder])
    t.after(() => child.kill('SIGKILL'))
    const [stream] = await arrived
    let most = 0
    const write = stream.write.bind(stream) as (bytes: Buffer) => boolean
    Object.assign(stream, {
      write: (bytes: Buffer): boolean => {
        const more = write(bytes)
        most = Math.max(most, stream._writableState.buffered)
        return more
      }
    })
    const closed = new Promise(resolve => stream.once('close', resolve))
    const [error] = (await once(stream, 'error')) as [Error]
    assert.match(error.message, /unread/)
    await closed
    assert.ok(most > MAX_BACKLOG && most < MAX_BACKLOG + ONE_MESSAGE, `${most} bytes`)
    assert.deepEqual(side.faults, [])
  })
}
