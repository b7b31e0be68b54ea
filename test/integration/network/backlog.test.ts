import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import type Hypercore from 'hypercore'
import type Corestore from 'corestore'
import { MIB } from '../../../contracts/money/quantity.js'
import { attachCore, openStore } from '../../../src/network/cores.js'
import { BOUNDS } from '../../../src/base/bounds/bounds.js'
import { lightningId, person } from '../../samples/people.js'
import { Children } from '../../world/children.js'
import { Side } from '../../parts/deal/sides.js'
import type { FloodOptions } from './flooder.js'

const LIMIT = { timeout: 60_000 }
const MAX_BACKLOG = BOUNDS.unread.peer
/** The bytes that one message may be over the limit: a batch of Protomux, or an answer to an audit. */
const ONE_MESSAGE = 13 * MIB
const FLOODER = new URL('./flooder.js', import.meta.url)

const children = await Children.open({ after })
const bootstrap = await children.testnet()
let side: Side
let store: Corestore
let core: Hypercore

before(async () => {
  const [one] = await person()
  const self = { ...one!, lightning: lightningId(), network: 'play-1' }
  side = new Side(self, children.at('facts'), bootstrap)
  await side.open()
  const proof = { core: 0, index: 0, value: crypto.randomBytes(4 * MIB), nodes: [], roots: [] }
  side.deals.handle('audit', ({ nonce }) => ({ body: { nonce, proofs: [proof] } }))
  store = openStore(children.at('store'))
  core = store.get({ name: 'core' })
  await core.append(crypto.randomBytes(MIB))
  side.network.on('connection', (stream: NoiseStream) => attachCore(core, stream))
})

children.beforeEnd(async () => {
  await side.close()
  await store.close()
})

for (const [asked, count] of [
  ['audits', 150],
  ['blocks', 1500]
] as const) {
  test(`a peer that requests ${asked} and reads none of them loses its connection`, LIMIT, async t => {
    const arrived = once(side.network, 'connection') as Promise<[NoiseStream]>
    const [device, key] = [side.device.toString('hex'), core.key.toString('hex')]
    const options: FloodOptions = { bootstrap, device, key, asked, count, folder: children.dir }
    const child = children.fork(FLOODER, { options })
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
