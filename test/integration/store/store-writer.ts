/**
 * A child process that writes numbered tasks, each with an entry of the history, in writes of three rows, and reports the
 * writes that are on disk. It ends with the error when the disk refuses one. `volatile` makes each flush take long, `stuck`
 * the next one without end, once four entries are on disk.
 */
import { writeSync } from 'node:fs'
import { Store } from '../../../src/store/store.js'
import type { Backend } from '../../../src/store/backend/backend.js'
import { LmdbBackend } from '../../../src/store/backend/lmdb-backend.js'
import { VolatileBackend } from '../../doubles/volatile-backend.js'
import { BACKENDS } from '../../parts/store/backends.js'
import { history, reply, sample, tasks } from '../../parts/store/sample.js'

const volatile: { stuck?: VolatileBackend } = {}
const [home, backend] = process.argv.slice(2)
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`)
const create = (folder: string): Backend => {
  if (backend !== 'stuck') return BACKENDS[backend!]!(folder)
  return (volatile.stuck = new VolatileBackend(folder, new LmdbBackend(folder)))
}
const store = new Store(home!, { ...sample, backend: create })
try {
  await store.ready()
  for (let n = store.chain(history).length; ; n += 2) {
    const writes = [n, n + 1].map(number =>
      store.write(transaction => {
        for (let id = number * 3; id < number * 3 + 3; id++)
          transaction.put(tasks, id % 1500, {
            state: 'x'.repeat(id % 300),
            due: number,
            tags: [`t${id % 7}`]
          })
        transaction.append(history, reply(`entry ${number}`))
      })
    )
    say({ visible: store.chain(history).length })
    await Promise.all(writes)
    if (volatile.stuck && n + 2 >= 4) volatile.stuck.flushMs = 2 ** 30
    say({ onDisk: n + 2 })
  }
} catch (error) {
  const { code, message } = error as { code: string; message: string }
  const later: unknown = await store
    .write(transaction => transaction.delete(tasks, 1))
    .catch((error: unknown) => error)
  say({ code, message, later: (later as { code?: string }).code, readable: store.failed?.code })
  await store.close().catch(() => undefined)
}
