/** A child process with a reader that restores over TCP and reports its progress to its parent. */
import { DriveRestore } from '../../../../src/storage/archive/restore.js'
import { openStore } from '../../../../src/network/cores.js'
import { dial } from '../../../parts/storage/wire.js'

export interface RestoreTask {
  link: string
  dest: string
  store: string
  ports: number[]
}

const task = JSON.parse(process.argv[2]!) as RestoreTask
const store = openStore(task.store)
const restore = new DriveRestore({
  link: task.link,
  dest: task.dest,
  store,
  onProgress: progress => process.send!({ progress })
})
const streams = task.ports.map(port => dial(port, restore))
for (const stream of streams) restore.attach(stream)
process.send!({ done: await restore.run() })
for (const stream of streams) stream.destroy()
await restore.close()
await store.close()
process.disconnect()
