import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import { readKeyPair } from '../../../contracts/keys/read-key.js'
import { openStore } from '../../../src/network/cores.js'
import { acceptProofs, hasProven } from '../../../src/network/read-proofs.js'
import { DriveRestore } from '../../../src/storage/archive/restore.js'
import type { DriveRestoreResult, RestoreProgress } from '../../../src/storage/archive/restore.js'
import type { LeaseShelf } from '../../../src/storage/shelf/lease-shelf.js'
import { makeTree } from '../../samples/tree.js'
import { noise, openShelf, packAt } from '../../parts/storage/packed-drive.js'
import { atEnd, connect, scratch } from '../../parts/storage/wire.js'
import type { Server } from '../../parts/storage/wire.js'

const LIMIT = { timeout: 60_000 }

/** A restore from a shelf that has a mirror of a film of so many bytes, with egress of so many. */
async function restoring(
  t: TestContext,
  bytes: number,
  egressBytes: number,
  findTimeout?: number
): Promise<{
  shelf: LeaseShelf
  told: string[]
  note: Promise<void>
  restore: (onProgress?: (progress: RestoreProgress) => void) => Promise<DriveRestoreResult>
}> {
  const folder = await scratch(t)
  await makeTree(join(folder, 'tree'), { film: noise(bytes) })
  const { packed, result } = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  const shelf = await openShelf(t, join(folder, 'shelf'))
  const readKey = readKeyPair(result.encryptionKey).publicKey
  await shelf.keep({ id: 'a', cores: result.cores, egressBytes, readKey })
  const up = connect(packed, shelf)
  await shelf.attach('a', up.ends[1])
  await shelf.fetch('a')
  await up.cut()

  const told: string[] = []
  let onnote: () => void = () => undefined
  const note = new Promise<void>(resolve => (onnote = resolve))
  const store = openStore(join(folder, 'store'))
  atEnd(t, () => store.close())
  return {
    shelf,
    told,
    note,
    restore: async onProgress => {
      const restore = new DriveRestore({
        ...{ link: result.link, dest: join(folder, 'dest'), store, stallTimeout: 120_000 },
        ...(findTimeout === undefined ? {} : { findTimeout }),
        ...(onProgress ? { onProgress } : {}),
        onnote: note => {
          told.push(note)
          onnote()
        }
      })
      await restore.ready()
      atEnd(t, () => restore.close())
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
      return restore.run()
    }
  }
}

test(
  'a reader of a lease whose egress is spent is told so at once, and does not wait for long',
  LIMIT,
  async t => {
    const { shelf, told, note, restore } = await restoring(t, 4 << 20, 1 << 20)
    const spent = once(shelf, 'egress-spent')
    const run = restore()
    run.catch(() => undefined)
    await spent
    await note
    await assert.rejects(run, {
      code: 'STALLED',
      message:
        /^what readers may fetch under the lease is spent at 1 provider, and nobody else has the rest; what came is kept$/
    })
    assert.match(
      told.join('\n'),
      /^what readers may fetch under the lease is spent at 1 provider: .* sends nothing more of it$/
    )
  }
)

test(
  'a reader is told when the paid time of the lease ends, before it reads and in the middle',
  LIMIT,
  async t => {
    const { shelf, told, restore } = await restoring(t, 48 << 20, 1 << 30, 500)
    const silenced: Promise<void>[] = []
    const middle = restore(({ step, bytes }) => {
      if (step === 'write' && bytes > 0 && silenced.length === 0) silenced.push(shelf.silence('a'))
    })
    await assert.rejects(middle, {
      code: 'STALLED',
      message:
        /^the paid time of the lease is over at 1 provider, and nobody else has the rest; what came is kept$/
    })
    await Promise.all(silenced)
    assert.match(
      told.join('\n'),
      /^the paid time of the lease is over at 1 provider: .* sends nothing more of it$/
    )
    const { usedBytes } = shelf.egress('a')
    assert.ok(usedBytes < 48 << 20, `${usedBytes} bytes`)

    told.length = 0
    await assert.rejects(restore(), /the paid time of the lease is over at 1 provider/)
    assert.equal(told.length, 1)
    assert.equal(shelf.egress('a').usedBytes, usedBytes)

    shelf.unsilence('a')
    assert.equal((await restore()).bytes, 48 << 20)
  }
)
