import type { Backend } from '../../../src/store/backend/backend.js'
import { LmdbBackend } from '../../../src/store/backend/lmdb-backend.js'
import { VolatileBackend } from '../../doubles/volatile-backend.js'

/** Everything that the store can stand on, by name. */
export const BACKENDS: Record<string, (folder: string) => Backend> = {
  lmdb: folder => new LmdbBackend(folder),
  volatile: folder => new VolatileBackend(folder, new LmdbBackend(folder))
}

export const buffer = (text: string): Buffer => Buffer.from(text, 'latin1')

/** The rows of all keys, as text. */
export function textOf(backend: Backend): Record<string, string> {
  const rows = backend.range({ gte: buffer('\0'), lt: buffer('\xff\xff\xff\xff') })
  return Object.fromEntries(
    [...rows].map(({ key, value }) => [key.toString('latin1'), value.toString('latin1')])
  )
}

/** An open LMDB backend in this folder. */
export async function openLmdb(dir: string): Promise<LmdbBackend> {
  const backend = new LmdbBackend(dir)
  await backend.ready()
  return backend
}
