import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type Hypercore from 'hypercore'
import { Holding } from '../../../src/book/relay/holding.js'

const CORE = {} as Hypercore

interface Fetch {
  resolve: (whole: boolean) => void
  reject: (error: Error) => void
}

function world(): { holding: Holding; fetches: Fetch[]; faults: unknown[] } {
  const fetches: Fetch[] = []
  const faults: unknown[] = []
  const holding = new Holding({
    onfault: error => faults.push(error),
    fetch: () => new Promise((resolve, reject) => fetches.push({ resolve, reject }))
  })
  return { holding, fetches, faults }
}

test('a fetch of the view before does not count for the view that has replaced it', async () => {
  const { holding, fetches } = world()
  holding.hold(CORE)
  holding.replaced()
  fetches[0]!.resolve(true)
  await setImmediate()
  assert.equal(holding.holdsAll, false)
  holding.hold(CORE)
  assert.equal(fetches.length, 2)
  fetches[1]!.resolve(true)
  await setImmediate()
  assert.equal(holding.holdsAll, true)
})

test('a view that is replaced is fetched at once, while the fetch before it has not ended', async () => {
  const { holding, fetches } = world()
  holding.hold(CORE)
  holding.replaced()
  holding.hold(CORE)
  assert.equal(fetches.length, 2)
  fetches[0]!.resolve(false)
  await setImmediate()
  holding.hold(CORE)
  assert.equal(fetches.length, 2, 'the second one goes on')
})

test('a fetch that failed is tried again, and none begins after the end', async () => {
  const { holding, fetches, faults } = world()
  holding.hold(CORE)
  holding.hold(CORE)
  fetches[0]!.reject(new Error('disk'))
  await setImmediate()
  assert.equal(faults.length, 1)
  holding.hold(CORE)
  fetches[1]!.resolve(false)
  await setImmediate()
  assert.equal(holding.holdsAll, false)
  holding.hold(CORE)
  assert.equal(fetches.length, 3)
  holding.stop()
  fetches[2]!.resolve(false)
  await setImmediate()
  holding.hold(CORE)
  assert.equal(fetches.length, 3)
})
