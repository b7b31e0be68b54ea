import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { DAY } from '../../../contracts/money/quantity.js'
import { RequestBudget } from '../../../src/deal/budget.js'
import { Experiences } from '../../../src/deal/sellers/experience.js'
import { Replies } from '../../../src/deal/replies.js'
import { readingStore } from '../../../src/node/home-store.js'
import { replyTable } from '../../../src/deal/tables.js'
import { storeIn } from '../../parts/store/store-in.js'
import { folder } from '../../parts/folder.js'

const device = Buffer.alloc(32, 1)
const id = (n: number): Buffer => Buffer.alloc(32, n)

test('a request is executed once however often it comes, and is answered only when the answer is on disk', async t => {
  const file = join(await folder(t), 'store')
  const store = storeIn(file)
  await store.ready()
  const replies = new Replies(store, Date.now)
  let made = 0
  const answer = async (): Promise<Buffer> => {
    made++
    const reply = Buffer.from(`answer ${made}`)
    await store.set(...replies.changes(device, id(1), reply))
    return reply
  }
  const first = replies.once(device, id(1), answer)
  assert.equal(replies.get(device, id(1))?.toString(), 'answer 1', 'it is in memory already')
  const second = replies.once(device, id(1), answer)
  const order: string[] = []
  await Promise.all([first.then(() => order.push('first')), second.then(() => order.push('second'))])
  assert.deepEqual(order, ['first', 'second'], 'nobody has it before it is on disk')
  assert.equal((await second).toString(), 'answer 1')
  const onDisk = await readingStore(file, disk => new Replies(disk, Date.now).get(device, id(1))?.toString())
  assert.equal(onDisk, 'answer 1')
  assert.equal((await replies.once(device, id(1), answer)).toString(), 'answer 1')
  assert.equal(made, 1)
  // The same id from another device is another request.
  assert.equal(replies.get(Buffer.alloc(32, 2), id(1)), null)
  await store.close()
})

test('an answer that could not be made is made the next time', async t => {
  const store = storeIn(join(await folder(t), 'store'))
  await store.ready()
  const replies = new Replies(store, Date.now)
  await assert.rejects(replies.once(device, id(1), () => Promise.reject(new Error('no'))))
  assert.equal(
    (await replies.once(device, id(1), () => Promise.resolve(Buffer.from('yes')))).toString(),
    'yes'
  )
  await store.close()
})

test('answers are kept for two days, and at most so many for one device', async t => {
  const store = storeIn(join(await folder(t), 'store'))
  await store.ready()
  let now = Date.now()
  let replies = new Replies(store, () => now)
  const other = Buffer.alloc(32, 2)
  await store.set(...replies.changes(other, id(1), Buffer.from('kept')))
  const request = (n: number): Buffer => {
    const bytes = Buffer.alloc(32)
    bytes.writeUInt32LE(n)
    return bytes
  }
  const ask = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      now++
      await replies.once(device, request(i), async () => {
        const reply = Buffer.from(`${i}`)
        await store.set(...replies.changes(device, request(i), reply))
        return reply
      })
    }
  }
  const kept = (): number[] =>
    [...store.table(replyTable).list({ under: [device] })]
      .map(({ value }) => Number(value.reply!.toString()))
      .sort((a, b) => a - b)
  await ask(0, 1000)
  assert.deepEqual([kept().length, kept()[0]], [1000, 0])
  await ask(1000, 1001)
  assert.deepEqual([kept().length, kept()[0], kept().at(-1)], [901, 100, 1000])
  await ask(1001, 1100)
  replies = new Replies(store, () => now)
  await ask(1100, 1101)
  assert.deepEqual([kept().length, kept()[0], kept().at(-1)], [901, 200, 1100], 'counted anew from the disk')
  assert.equal(replies.get(other, id(1))?.toString(), 'kept', 'each has a bound of its own')
  now += 2 * DAY + 1
  await store.forget(now)
  assert.equal(store.table(replyTable).count, 0)
  await store.close()
})

test('a budget is a burst plus a refill over time', () => {
  const budget = new RequestBudget()
  let spent = 0
  while (budget.spend()) spent++
  assert.ok(spent >= 400 && spent < 420, `${spent}`)
})

test('a fault bars an identity for an hour, doubling to a week', async t => {
  const store = storeIn(join(await folder(t), 'store'))
  await store.ready()
  const now = 1_000_000
  const experiences = new Experiences(store, () => now)
  assert.equal(experiences.of(id(1)), null)
  await Promise.all([experiences.good(id(1)), experiences.good(id(1))])
  assert.equal(experiences.of(id(1))!.good, 2)
  const pauses: number[] = []
  for (let i = 0; i < 12; i++) {
    await experiences.bad(id(1), 'a lie '.repeat(100))
    pauses.push((experiences.of(id(1))!.until - now) / 3_600_000)
  }
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 168, 168, 168, 168])
  assert.ok(experiences.of(id(1))!.note.length <= 200)
  await store.close()
})
