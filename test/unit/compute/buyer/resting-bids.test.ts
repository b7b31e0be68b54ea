import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Order } from '#spec'
import { SIDE } from '../../../../contracts/order.js'
import { ComputeBids } from '../../../../src/compute/buyer/resting-bids.js'
import { storeIn } from '../../../parts/store/store-in.js'
import type { NewOrder } from '../../../../src/deal/orders/standing-orders.js'
import { faultLog } from '../../../doubles/fault-log.js'

test('a bid withdrawn while the book is read is not run', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-bids-'))
  const store = storeIn(join(dir, 'store'))
  await store.ready()
  const own = new Map<string, { id: Buffer; order: Order }>()
  const orders = {
    publish: (order: NewOrder) => {
      const id = Buffer.alloc(32, own.size + 1)
      const placed = { id, order: { ...order } as unknown as Order, note: '' }
      own.set(id.toString('hex'), placed)
      return Promise.resolve(placed)
    },
    withdraw: (id: Buffer) => {
      own.delete(id.toString('hex'))
      return Promise.resolve('')
    },
    get: (id: Buffer) => own.get(id.toString('hex'))?.order ?? null,
    list: () => own.values()
  }
  const run: string[] = []
  let [looks, ran] = [(): void => undefined, (): void => undefined]
  const looking = new Promise<void>(resolve => (looks = resolve))
  const running = new Promise<void>(resolve => (ran = resolve))
  let goOn = (): void => undefined
  const hold = new Promise<void>(resolve => (goOn = resolve))
  const bids = new ComputeBids({
    orders,
    deals: {
      self: { identity: Buffer.alloc(32) },
      now: Date.now,
      open: () => Promise.reject(new Error('nobody is told of anything'))
    },
    standing: () => Promise.resolve([]),
    store,
    fits: async () => {
      looks()
      await hold
      return true
    },
    fill: stored => {
      run.push(stored.toString())
      ran()
      return Promise.resolve()
    },
    log: faultLog(error => {
      throw error
    })
  })
  await bids.ready()
  t.after(async () => {
    await bids.close()
    await store.close()
    await rm(dir, { recursive: true, force: true })
  })
  const order = {
    ...{ market: Buffer.alloc(32), side: SIDE.bid, resource: 'compute', price: 1n },
    ...{ body: Buffer.alloc(0), lifetime: 1000 }
  }
  const { id } = await bids.place(order, Buffer.from('withdrawn'))
  await bids.place(order, Buffer.from('standing'))
  await looking
  await orders.withdraw(id)
  goOn()
  await running
  assert.deepEqual(run, ['standing'])
})
