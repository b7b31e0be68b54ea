import { randomBytes } from 'node:crypto'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import Hypercore from 'hypercore'
import { MIB } from '../../contracts/money/quantity.js'
import { pack } from '../../src/storage/archive/pack.js'
import type { PackResult } from '../../src/storage/archive/pack.js'
import { OpenPack } from '../../src/storage/archive/packed.js'
import { DriveRestore } from '../../src/storage/archive/restore.js'
import { openStore } from '../../src/network/cores.js'
import { median, rate } from '../figure.js'
import type { Bench } from '../figure.js'
import { writeFileOf } from './goods.js'
import type { ShelfOrder } from './slow-shelf.js'
import { Actor, inFolder } from '../stage.js'

/** Two providers in separate processes that send at most at rate R each. */
export const restoreBench: Bench = {
  name: 'restore',
  about: 'restore from two providers at once, each limited to the same rate R',
  async run({ quick, say }) {
    const bytes = (quick ? 24 : 96) * MIB
    const limit = 8 * MIB
    const runs = quick ? 1 : 3
    return inFolder(async folder => {
      const file = join(folder, 'file')
      await writeFileOf(file, bytes)
      const store = openStore(join(folder, 'packed'))
      const result = await pack({ path: file, store, name: 'goods' })
      const packed = new OpenPack(
        store,
        result.cores.map(core => core.key)
      )
      const actors: Actor[] = []
      try {
        const ports: number[] = []
        for (const name of ['first', 'second']) {
          const order: ShelfOrder = {
            folder: join(folder, name),
            limit,
            cores: result.cores.map(core => ({ ...core, key: core.key.toString('hex') }))
          }
          const actor = new Actor('storage/slow-shelf', order)
          actors.push(actor)
          const { port } = await actor.hear<{ port: number }>()
          const upload = dial(port, packed)
          await actor.hear<{ stored: true }>()
          upload.destroy()
          ports.push((await actor.hear<{ port: number }>()).port)
        }
        const one: number[] = []
        const both: number[] = []
        for (let i = 0; i < runs; i++) {
          one.push(rate(bytes, await timedRestore(folder, result, ports.slice(0, 1))))
          both.push(rate(bytes, await timedRestore(folder, result, ports)))
          say(`from one ${one[i]!.toFixed(2)}, from two ${both[i]!.toFixed(2)} MB/s`)
        }
        const about = `${bytes / MIB} MiB, median of ${runs}`
        return [
          {
            name: 'restore, two providers',
            measured: median(both),
            unit: 'MB/s',
            baseline: { name: `R, the rate that each provider is limited to; ${about}`, value: limit / 1e6 },
            target: { atLeast: 1.7 },
            note: `one of them alone gave ${median(one).toFixed(2)} MB/s`
          }
        ]
      } finally {
        for (const actor of actors) await actor.end()
        await packed.close()
        await store.close()
      }
    })
  }
}

/** Time of a whole restore, from connecting to the last written byte, ms. */
async function timedRestore(folder: string, { link }: PackResult, ports: readonly number[]): Promise<number> {
  const name = randomBytes(8).toString('hex')
  const store = openStore(join(folder, `fetched-${name}`))
  const restore = new DriveRestore({ link, dest: join(folder, `restored-${name}`), store })
  const streams: Duplex[] = []
  try {
    await restore.ready()
    const begun = performance.now()
    for (const port of ports) {
      const stream = dial(port, restore)
      streams.push(stream)
      restore.attach(stream)
    }
    await restore.run()
    return performance.now() - begun
  } finally {
    for (const stream of streams) stream.destroy()
    await restore.close()
    await store.close()
  }
}

interface CoreServer {
  serve(discoveryKey: Buffer, stream: Duplex): Promise<boolean>
}

/** An encrypted connection over TCP to a slow shelf. */
function dial(port: number, server: CoreServer): Duplex {
  const raw: Duplex & { noiseStream?: Duplex } = Hypercore.createProtocolStream(true, {
    ondiscoverykey: async key => void (await server.serve(key, raw.noiseStream!))
  })
  const socket = createConnection(port, '127.0.0.1')
  raw.pipe(socket).pipe(raw)
  for (const stream of [raw, socket, raw.noiseStream!]) stream.on('error', () => stream.destroy())
  socket.on('close', () => raw.destroy())
  raw.on('close', () => socket.destroy())
  return raw.noiseStream!
}
