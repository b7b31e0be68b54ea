/** A child process with a provider that fetches a lease over TCP and reports its progress to its parent. */
import { LeaseShelf } from '../../../../src/storage/shelf/lease-shelf.js'
import { dial } from '../../../parts/storage/wire.js'
import { optionsOf, tell } from '../../../world/parent.js'

export interface ShelfTask {
  folder: string
  port: number
  cores: { key: string; length: number; byteLength: number }[]
}

const task = optionsOf<ShelfTask>()
const shelf = new LeaseShelf({ folder: task.folder, margin: 0 })
const cores = task.cores.map(core => ({ ...core, key: Buffer.from(core.key, 'hex') }))
await shelf.keep({ id: 'lease', cores, egressBytes: 1e9 })
const stream = dial(task.port, shelf)
await shelf.attach('lease', stream)
await shelf.fetch('lease', { onProgress: ({ blocks }) => tell({ blocks }) })
const seals = (await shelf.seals('lease')).map(seal => seal.treeHash.toString('hex'))
tell({ done: seals })
stream.destroy()
await shelf.close()
process.disconnect()
