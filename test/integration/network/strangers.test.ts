import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import crypto from 'hypercore-crypto'
import { MIB } from '../../../contracts/money/quantity.js'
import { BOUNDS } from '../../../src/base/bounds/bounds.js'
import { Children } from '../../world/children.js'
import type { Attack } from './hostile-strangers.js'

const LIMIT = { timeout: 120_000 }
const NODE = new URL('./strangers-node.js', import.meta.url)
const STRANGERS = new URL('./hostile-strangers.js', import.meta.url)
/** The two programs of a test and their garbage. */
const SLACK = 48 * MIB

interface Held {
  rss: number
  connections: number
  largest: number
  used: { connections: number; unproven: number; frames: number; unread: number }
  ended: Record<string, number>
}

class Ground {
  readonly held: () => Promise<Held>
  readonly attack: (attack: Attack) => Promise<unknown>
  /** Rejects when the honest one is not served. */
  readonly honest: () => Promise<unknown>
  /** Resolves when the node has dialled a peer of the topic. */
  readonly dials: (topic: Buffer) => Promise<unknown>
  readonly partner: (seed?: Buffer) => Promise<unknown>

  private constructor(
    node: ReturnType<Children['fork']>,
    strangers: ReturnType<Children['fork']>,
    other: ReturnType<Children['fork']>
  ) {
    this.held = () => node.ask<Held>({})
    this.dials = topic => {
      const dialled = node.next<{ dialled?: string }>(event => event.dialled !== undefined)
      return Promise.all([node.ask({ topic: topic.toString('hex') }), dialled])
    }
    this.attack = attack => strangers.ask(attack)
    this.honest = () => other.ask({ kind: 'honest', count: 1, amount: 1000 })
    this.partner = seed => other.ask({ partner: seed?.toString('hex') ?? '' })
  }

  /** What is held once something has come over every connection. */
  async settled(): Promise<Held> {
    for (;;) {
      const held = await this.held()
      if (held.used.unproven === 0) return held
    }
  }

  /** The connections that were ended for a reason, once there is one. */
  async ended(): Promise<Record<string, number>> {
    for (;;) {
      const { ended } = await this.held()
      if (Object.keys(ended).length > 0) return ended
    }
  }

  static async open(t: TestContext, seed = Buffer.alloc(32, 7)): Promise<Ground> {
    const children = await Children.open(t)
    const bootstrap = await children.testnet()
    const paying = crypto.keyPair(seed).publicKey.toString('hex')
    const node = children.fork(NODE, { options: { bootstrap, paying }, flags: ['--expose-gc'] })
    const { device } = await node.next<{ device: string }>()
    const options = { bootstrap, device }
    const [strangers, other] = [children.fork(STRANGERS, { options }), children.fork(STRANGERS, { options })]
    await Promise.all([strangers.next(), other.next()])
    return new Ground(node, strangers, other)
  }
}

test('1,000 connections of strangers leave places for others, and who pays keeps its own', LIMIT, async t => {
  const ground = await Ground.open(t)
  const seed = Buffer.alloc(32, 7)
  await ground.partner(seed)
  const before = await ground.held()
  await ground.attack({ kind: 'idle', count: 1000 })
  await ground.honest()
  await ground.partner()
  const { rss, used, connections } = await ground.held()
  assert.ok(used.connections + used.unproven <= BOUNDS.connections.all + BOUNDS.unproven.all)
  assert.ok(connections <= 1 + BOUNDS.connections.all + BOUNDS.unproven.all, `${connections} connections`)
  assert.ok(rss - before.rss < 200 * MIB, `${(rss - before.rss) / MIB} MiB`)
})

test('64 strangers do not keep a node from dialling peers of a topic', LIMIT, async t => {
  const ground = await Ground.open(t)
  await ground.attack({ kind: 'idle', count: 64 })
  await ground.attack({ kind: 'announce', count: 1 })
  await ground.dials(Buffer.alloc(32, 5))
})

test('a frame of a stranger that is too large is not taken in', LIMIT, async t => {
  const ground = await Ground.open(t)
  const before = await ground.held()
  await ground.attack({ kind: 'frame', count: 20, amount: 2 ** 24 - 1 })
  const { rss, used, ended, largest } = await ground.held()
  assert.equal(ended['FRAME'], 20)
  assert.equal(used.frames, 0)
  assert.equal(largest, 0, 'no memory is taken for it')
  assert.ok(rss - before.rss < SLACK, `${(rss - before.rss) / MIB} MiB`)
  await ground.honest()
})

test('frames that are announced and never ended hold little in all', LIMIT, async t => {
  const ground = await Ground.open(t)
  const before = await ground.held()
  await ground.attack({ kind: 'frame', count: 100, amount: BOUNDS.frames.peer })
  const { rss, used, ended } = await ground.settled()
  assert.ok(used.frames <= BOUNDS.frames.all, `${used.frames / MIB} MiB`)
  assert.equal(ended['FRAME'], 100 - used.connections)
  assert.ok(rss - before.rss < BOUNDS.frames.all + SLACK, `${(rss - before.rss) / MIB} MiB`)
  await ground.honest()
})

test('a stranger that opens ever more channels loses its connection', LIMIT, async t => {
  const ground = await Ground.open(t)
  await ground.attack({ kind: 'channels', count: 1, amount: 20_000 })
  await ground.honest()
  assert.deepEqual(await ground.ended(), { CHANNELS: 1 })
})

test('messages for a channel that is never opened are not kept without a bound', LIMIT, async t => {
  const ground = await Ground.open(t)
  await ground.attack({ kind: 'pending', count: 1, amount: 250_000 })
  await ground.honest()
  assert.deepEqual(await ground.ended(), { PENDING: 1 })
})

test('answers that strangers leave unread hold little in all', LIMIT, async t => {
  const ground = await Ground.open(t)
  await ground.attack({ kind: 'unread', count: 10, amount: 14 })
  await ground.honest()
  const { used, ended } = await ground.held()
  assert.ok(used.unread <= BOUNDS.unread.all, `${used.unread / MIB} MiB`)
  assert.ok(ended['BACKLOG']! >= 5)
})
