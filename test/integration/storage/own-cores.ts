import type { TestContext } from 'node:test'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { openStore } from '../../../src/network/cores.js'
import { sealOf } from '../../../src/storage/lease/audit.js'
import { noise } from '../../parts/storage/packed-drive.js'
import { atEnd } from '../../parts/storage/wire.js'

/** A store of a core owner, closed with the test. */
export async function openOwn(t: TestContext, folder: string): Promise<Corestore> {
  const store = openStore(folder)
  await store.ready()
  atEnd(t, () => store.close())
  return store
}

export async function owned(store: Corestore, name: string, blocks: Buffer[]): Promise<Hypercore> {
  const core = store.get({ name })
  await core.ready()
  if (blocks.length > 0) await core.append(blocks)
  return core
}

export function blocksOf(count: number, bytes: number): Buffer[] {
  return Array.from({ length: count }, () => noise(bytes))
}

/** The agreed size of a core: what it has now, or its first blocks. */
export async function limitOf(
  core: Hypercore,
  length = core.length
): Promise<{
  key: Buffer
  length: number
  byteLength: number
}> {
  const { key, byteLength } = await sealOf(core, length)
  return { key, length, byteLength }
}
