import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import { readKeyPair } from '../../../contracts/keys/read-key.js'
import { openStore } from '../../../src/network/cores.js'
import { acceptProofs, hasProven } from '../../../src/network/read-proofs.js'
import { DriveRestore } from '../../../src/storage/archive/restore.js'
import { makeTree } from '../../samples/tree.js'
import { noise, openShelf, packAt } from '../../parts/storage/packed-drive.js'
import { atEnd, connect, scratch } from '../../parts/storage/wire.js'
import type { Server } from '../../parts/storage/wire.js'

const LIMIT = { timeout: 60_000 }

test(
  'a reader of a lease whose egress is spent is told so at once, and does not wait for long',
  LIMIT,
  async t => {
    const folder = await scratch(t)
    await makeTree(join(folder, 'tree'), { film: noise(4 << 20) })
    const { packed, result } = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
    const shelf = await openShelf(t, join(folder, 'shelf'))
    const readKey = readKeyPair(result.encryptionKey).publicKey
    await shelf.keep({ id: 'a', cores: result.cores, egressBytes: 1 << 20, readKey })
    const up = connect(packed, shelf)
    await shelf.attach('a', up.ends[1])
    await shelf.fetch('a')
    await up.cut()

    const store = openStore(join(folder, 'store'))
    atEnd(t, () => store.close())
    const told: string[] = []
    let onnote: () => void = () => undefined
    const firstNote = new Promise<void>(resolve => (onnote = resolve))
    const restore = new DriveRestore({
      ...{ link: result.link, dest: join(folder, 'dest'), store, stallTimeout: 120_000 },
      onnote: note => {
        told.push(note)
        onnote()
      }
    })
    await restore.ready()
    atEnd(t, () => restore.close())
    const spent = once(shelf, 'egress-spent')
    // As in a node: a proof that came before is read some turns later.
    const serving: Server = {
      async serve(key, stream) {
        while (!hasProven(stream, readKey)) await new Promise(setImmediate)
        return shelf.serve(key, stream)
      }
    }
    const down = connect(serving, null)
    acceptProofs(down.ends[0] as NoiseStream)
    await (down.ends[1] as NoiseStream).opened
    restore.attach(down.ends[1])
    const run = restore.run()
    run.catch(() => undefined)
    await spent
    await firstNote
    await assert.rejects(run, {
      code: 'STALLED',
      message:
        /^the egress of the lease is spent at 1 provider, and nobody else has the rest; what came is kept$/
    })
    assert.match(
      told.join('\n'),
      /^the egress of the lease is spent at 1 provider: .* sends nothing more of it$/
    )
  }
)
