import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { PAGES_PER_CONNECTION } from '../../../src/network/announcements.js'
import { Children } from '../../world/children.js'
import { ATTACKS, Replica } from './hostile-replica.js'

const LIMIT = { timeout: 60_000 }
const NODE = new URL('./guarded-node.js', import.meta.url)

interface Ended {
  ended: string
  why: string
  pages: number
}

const children = await Children.open({ after })
const bootstrap = await children.testnet()
const node = children.fork(NODE, { options: { bootstrap, folder: children.dir } })
const { device, core } = await node.next<{ device: string; core: string }>()
const open = (): Promise<Replica> =>
  Replica.open(bootstrap, Buffer.from(device, 'hex'), Buffer.from(core, 'hex'), children.dir)
const honest = await open()
children.beforeEnd(() => honest.close())
let block = 0

/** The node's reason for the end of a connection; rejects when the node has died. */
const endOf = (replica: Replica): Promise<Ended> =>
  node.next<Ended>(({ ended }) => ended === replica.device.toString('hex'))

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
