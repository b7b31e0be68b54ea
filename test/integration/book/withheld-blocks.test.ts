import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import { openBookLog } from '../../../src/book/log/log.js'
import { apply } from '../../../src/book/view/apply.js'
import { NETWORK, ask, signed } from '../../samples/orders.js'
import { PeerGroup, until } from './peers.js'

/** Connections over which a rogue announces blocks and answers no request for them. */
const mute = new Set<NoiseStream>()

interface ReplicatorPeer {
  protomux: { stream: NoiseStream }
  onrequest(request: unknown): unknown
}

/** A node on a bare Autobase that holds the whole market. */
async function holderOf(t: TestContext, market: Buffer): Promise<Corestore> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-holder-'))
  const store = new Corestore(dir)
  const base = openBookLog({ store: store.namespace('book'), key: market, ackInterval: 60_000, apply })
  await base.ready()
  t.after(async () => {
    await base.close()
    await store.close()
    await rm(dir, { recursive: true })
  })
  base.view.core.on('peer-add', (peer: ReplicatorPeer) => {
    const prototype = Object.getPrototypeOf(peer) as ReplicatorPeer & { isPatched?: true }
    if (prototype.isPatched) return
    prototype.isPatched = true
    const { onrequest } = prototype
    prototype.onrequest = function (request) {
      return mute.has(this.protomux.stream) ? undefined : onrequest.call(this, request)
    }
  })
  return store
}

const ORDERS = 12

test(
  'a peer that announces blocks and gives none does not keep orders from a reader',
  { timeout: 60_000 },
  async t => {
    const group = await PeerGroup.build()
    t.after(() => group.close())
    const founder = await group.peer()
    const theirs = await founder.books.found({ name: 'blocks', rules: { stampBits: 2 } })
    const holder = await holderOf(t, theirs.key)
    const toFounder = await group.rawConnection(crypto.keyPair(), founder.device.publicKey)
    holder.replicate(toFounder)
    const reader = await group.peer()
    const market = await reader.books.join(theirs.key)
    const toReader = await group.rawConnection(crypto.keyPair(), reader.device.publicKey)
    mute.add(toReader)
    holder.replicate(toReader)
    await group.connect(reader, founder)
    assert.ok(await market.inStep({ timeoutMs: 20_000 }))
    for (let i = 1; i <= ORDERS; i++) {
      const shown = until(market, async () => {
        const asks = await market.asks({ resource: 'storage', network: NETWORK })
        return asks.length === i
      })
      await theirs.submit(await signed(founder, ask(founder, theirs.key), theirs))
      await shown
    }
    toReader.destroy()
    await once(toReader, 'close')
  }
)
