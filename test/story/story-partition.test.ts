import assert from 'node:assert/strict'
import test from 'node:test'
import { World } from '../world/world.js'

test(
  'a relay cut off from the founder goes on, and afterwards all processes see one book',
  { timeout: 150_000 },
  async t => {
    const { world, market } = await World.withMarket(t)
    const relay = await world.seller('relay', market, '100 sat/GiB-month')
    await world.ok('founder', ['market', 'admit', relay.device])
    await world.join('reader', market)
    await world.book('relay', book => book.asks.length === 1)

    // The founder's process is killed; the relay still takes orders.
    await world.kill('founder')
    await world.sell('relay', '90 sat/GiB-month')
    await world.book('relay', book => book.asks.length === 2)
    await world.sell('relay', '80 sat/GiB-month')
    await world.book('reader', book => book.asks.length === 3)

    await world.up('founder')
    const full = (book: { asks: unknown[] }): boolean => book.asks.length === 3
    for (let tries = 1; ; tries++) {
      const books = []
      for (const name of ['founder', 'relay', 'reader']) books.push(await world.book(name, full))
      const hashes = new Set(books.map(book => book.viewHash))
      // A tick of the market between two readings changes the hash: then all are read again.
      if (hashes.size === 1) break
      assert.ok(tries < 20, `${hashes.size} different views`)
    }
  }
)
