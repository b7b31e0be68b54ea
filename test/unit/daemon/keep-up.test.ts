import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import { keepUp } from '../../../src/daemon/keep-up.js'

const full = (): BushelError => new BushelError('DISK_FULL', 'the disk is full', 'free some space')

class FakeDaemon {
  readonly fail: (error: BushelError) => void
  readonly #opens: () => void
  closed = false

  constructor(fail: (error: BushelError) => void, opens: () => void = () => undefined) {
    this.fail = fail
    this.#opens = opens
  }

  async ready(): Promise<void> {
    this.#opens()
  }

  async close(): Promise<void> {
    this.closed = true
  }
}

function world(opens: (() => void)[] = []): {
  made: FakeDaemon[]
  told: string[]
  stop: AbortController
  running: (onup: (up: FakeDaemon, count: number) => void) => Promise<void>
} {
  const [made, told, stop]: [FakeDaemon[], string[], AbortController] = [[], [], new AbortController()]
  let ups = 0
  const running = (onup: (up: FakeDaemon, count: number) => void): Promise<void> =>
    keepUp({
      make: fail => {
        assert.ok(
          made.every(({ closed }) => closed),
          'the one before is closed first'
        )
        made.push(new FakeDaemon(fail, opens[made.length]))
        return made.at(-1)!
      },
      onup: async daemon => onup(daemon, ++ups),
      ondown: why => told.push(why.code),
      signal: stop.signal,
      waitMs: 1
    })
  return { made, told, stop, running }
}

test('a daemon whose disk refused a change is closed and started again until the disk takes it', async () => {
  const refuses = (): void => {
    throw full()
  }
  const isUsed = (): void => {
    throw new BushelError('ALREADY_RUNNING', 'a command is running on this home')
  }
  const { made, told, stop, running } = world([() => undefined, refuses, isUsed])
  await running((daemon, count) => {
    if (count === 1) daemon.fail(new BushelError('STORE_FAILED', 'it cannot be written'))
    else stop.abort()
  })
  assert.deepEqual(told, ['STORE_FAILED', 'DISK_FULL', 'ALREADY_RUNNING'])
  assert.deepEqual(
    made.map(({ closed }) => closed),
    [true, true, true, true]
  )
})

test('a daemon that cannot be started the first time, or for another reason, is not tried again', async () => {
  const first = world([
    () => {
      throw full()
    }
  ])
  await assert.rejects(
    first.running(() => undefined),
    { code: 'DISK_FULL' }
  )
  assert.deepEqual([first.made.length, first.made[0]!.closed], [1, true])

  const later = world([
    () => undefined,
    () => {
      throw new BushelError('BAD_STORE', 'it is damaged')
    }
  ])
  await assert.rejects(
    later.running(daemon => daemon.fail(full())),
    { code: 'BAD_STORE' }
  )
  assert.deepEqual([later.told, later.made.length], [['DISK_FULL'], 2])
})

test('the end of the run is not waited for while the disk is left alone', async () => {
  const { made, stop } = world()
  const run = keepUp({
    make: fail => {
      made.push(new FakeDaemon(fail))
      return made.at(-1)!
    },
    onup: async daemon => daemon.fail(full()),
    ondown: () => stop.abort(),
    signal: stop.signal
  })
  await run
  assert.equal(made.length, 1)
})
