import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import { PAGES_PER_CONNECTION } from '../../../src/network/announcements.js'
import { ATTACKS, Replica } from './hostile-replica.js'

const LIMIT = { timeout: 60_000 }
const NODE = fileURLToPath(new URL('./guarded-node.js', import.meta.url))

interface Ended {
  ended: string
  why: string
  pages: number
}

let testnet: Testnet
let folder: string
let node: ChildProcess
let honest: Replica
let open: () => Promise<Replica>
let block = 0

before(async () => {
  testnet = await createTestnet(2, { host: '127.0.0.1' })
  folder = await mkdtemp(join(tmpdir(), 'bushel-hostile-cores-'))
  node = fork(NODE, [JSON.stringify(testnet.bootstrap), folder])
  const [{ device, core }] = (await once(node, 'message')) as [{ device: string; core: string }]
  open = () => Replica.open(testnet.bootstrap, Buffer.from(device, 'hex'), Buffer.from(core, 'hex'), folder)
  honest = await open()
})

after(async () => {
  node.kill('SIGKILL')
  await honest.close()
  await testnet.destroy()
  await rm(folder, { recursive: true })
})

/** The node's reason for the end of a connection; rejects when the node has died. */
async function endOf(replica: Replica): Promise<Ended> {
  const stop = new AbortController()
  try {
    return await Promise.race([reportOn(replica, stop.signal), death(stop.signal)])
  } finally {
    stop.abort()
  }
}

async function reportOn({ device }: Replica, signal: AbortSignal): Promise<Ended> {
  for (;;) {
    const [report] = (await once(node, 'message', { signal })) as [Ended]
    if (report.ended === device.toString('hex')) return report
  }
}

async function death(signal: AbortSignal): Promise<never> {
  await once(node, 'exit', { signal })
  throw new Error('the node has died')
}

for (const [name, attack] of Object.entries(ATTACKS)) {
  test(`${name} costs the peer its connection and the node nothing`, LIMIT, async t => {
    const hostile = await open()
    t.after(() => hostile.close())
    const end = endOf(hostile)
    hostile.send(attack)
    const { why, pages } = await end
    assert.match(why, /^(refused|hypercore could not cope)/)
    assert.ok(pages <= 2 * PAGES_PER_CONNECTION, `${pages} pages`)
    const value = await honest.core.get(block, { timeout: 20_000 })
    assert.equal(value?.toString(), `block ${block++}`)
    assert.equal(honest.stream.destroyed, false)
  })
}
