import { createHash, randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { pack } from '../../../src/storage/archive/pack.js'
import type { PackOptions, PackResult } from '../../../src/storage/archive/pack.js'
import { OpenPack } from '../../../src/storage/archive/packed.js'
import { LeaseShelf } from '../../../src/storage/shelf/lease-shelf.js'
import { openStore } from '../../../src/network/cores.js'
import { atEnd, connect } from './wire.js'

/** The checksum as documented, computed apart from the product. */
export function sumByHand(files: Record<string, Buffer | string>): string {
  const lines = Object.entries(files)
    .map(([path, content]) => ({ path: Buffer.from(path), bytes: Buffer.from(content) }))
    .sort((a, b) => Buffer.compare(a.path, b.path))
    .map(({ path, bytes }) => {
      const sum = createHash('sha256').update(bytes).digest('hex')
      return Buffer.concat([path, Buffer.from(`\0${bytes.byteLength}\0${sum}\n`)])
    })
  return createHash('sha256').update(Buffer.concat(lines)).digest('hex')
}

export interface PackedDrive {
  packed: OpenPack
  result: PackResult
}

/** Packs the tree at `path` into a store under `folder`. */
export async function packAt(
  t: TestContext,
  path: string,
  folder: string,
  onciphertext?: PackOptions['onciphertext']
): Promise<PackedDrive> {
  const store = openStore(folder)
  const result = await pack({ path, store, name: 'goods', onciphertext })
  const packed = new OpenPack(
    store,
    result.cores.map(core => core.key)
  )
  await packed.ready()
  atEnd(t, async () => {
    await packed.close()
    await store.close()
  })
  return { packed, result }
}

export async function openShelf(
  t: TestContext,
  folder: string,
  options: { margin?: number; space?: number; free?: () => Promise<number> } = {}
): Promise<LeaseShelf> {
  const shelf = new LeaseShelf({ folder, margin: 0, ...options })
  shelf.on('problem', error => {
    throw error
  })
  await shelf.ready()
  atEnd(t, () => shelf.close())
  return shelf
}

/** A shelf that holds the whole drive. */
export async function shelved(
  t: TestContext,
  { packed, result }: PackedDrive,
  folder: string,
  egressBytes = 1e12
): Promise<LeaseShelf> {
  const shelf = await openShelf(t, folder)
  await shelf.keep({ id: 'lease', cores: result.cores, egressBytes })
  const wire = connect(packed, shelf)
  await shelf.attach('lease', wire.ends[1])
  await shelf.fetch('lease')
  await wire.cut()
  return shelf
}

export function noise(bytes: number): Buffer {
  return randomBytes(bytes)
}
