import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import type { SignedTicket } from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import { nullLogger } from '../../../../src/base/logger.js'
import type { DealChannel } from '../../../../src/deal/channel.js'
import { RepairSources } from '../../../../src/storage/provider/repair-sources.js'

/** Sources of a repair on a clock that tests set; `away` are those that cannot be reached. */
function repair() {
  const state = { now: 0, dialled: 0, drawn: 0, away: new Set<string>() }
  const streams = new Map<string, NoiseStream>()
  const sources = new RepairSources({
    open: async device => {
      state.dialled++
      const id = device.toString('hex')
      if (state.away.has(id)) throw new BushelError('PEER_UNREACHABLE', 'it is away')
      const stream = new Duplex({ read: () => undefined }) as NoiseStream
      streams.set(id, stream)
      return { stream, request: async () => ({ ok: 1 }) } as unknown as DealChannel
    },
    draw: async () => void state.drawn++,
    answerMs: 1,
    now: () => state.now,
    log: nullLogger
  })
  const look = async (): Promise<void> => {
    sources.look()
    await new Promise(resolve => setImmediate(resolve))
  }
  return { sources, state, streams, look }
}

const ticket = (i: number): SignedTicket => ({
  ticket: { agreement: Buffer.alloc(32), source: Buffer.alloc(32, i), to: Buffer.alloc(32), until: 0 },
  signature: Buffer.alloc(64)
})
const idOf = (i: number): string => Buffer.alloc(32, i).toString('hex')

test('all other copies are joined once, and again when a connection ends or is given up', async () => {
  const { sources, state, streams, look } = repair()
  sources.use([ticket(1), ticket(2)])
  await look()
  await look()
  assert.deepEqual([state.dialled, state.drawn], [2, 2])
  streams.get(idOf(1))!.destroy()
  await look()
  assert.equal(state.drawn, 3)
  sources.forget()
  await look()
  assert.equal(state.drawn, 5)
})

test('a copy that is away is tried ever more rarely, and the others at once', async () => {
  const { sources, state, look } = repair()
  state.away.add(idOf(1))
  sources.use([ticket(1), ticket(2)])
  for (let second = 0; second < 60; second++) {
    state.now = second * 1000
    await look()
  }
  assert.deepEqual([state.drawn, state.dialled], [1, 5], 'after 0, 5, 15 and 35 seconds, and the other')
})

test('a buyer that names ever new devices has few of them dialled', async () => {
  const { sources, state, look } = repair()
  for (let i = 1; i < 200; i++) {
    state.away.add(idOf(i))
    sources.use([ticket(i)])
    await look()
  }
  assert.equal(state.dialled, 16)
})
