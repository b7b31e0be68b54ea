/** A child process with a reader that restores over TCP and reports its progress to its parent. */
import { DriveRestore } from '../../../../src/storage/archive/restore.js'
import { openStore } from '../../../../src/network/cores.js'
import { dial } from '../../../parts/storage/wire.js'
import { optionsOf, tell } from '../../../world/parent.js'

export interface RestoreTask {
  link: string
  dest: string
  store: string
  ports: number[]
}

const task = optionsOf<RestoreTask>()
const store = openStore(task.store)
const restore = new DriveRestore({
  link: task.link,
  dest: task.dest,
  store,
  onProgress: progress => tell({ progress })
})
const streams = task.ports.map(port => dial(port, restore))
for (const stream of streams) restore.attach(stream)
tell({ done: await restore.run() })
for (const stream of streams) stream.destroy()
await restore.close()
await store.close()
process.disconnect()
