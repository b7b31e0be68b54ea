import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestWindow } from '../../../../src/network/requests/request-window.js'

interface Link {
  /** Blocks a ms, and ms. */
  rate: number
  roundTrip: number
  /** From the middle of the run on, ms. */
  later?: number
  blockBytes?: number
  beyond?: number
  /** At these times this machine does nothing, ms. */
  isPaused?: (now: number) => boolean
}

/** Runs `ms` of a link on which as much is asked for as the window says; gives what came in the last second, and the window then. */
function run(
  { rate, roundTrip: first, later = first, blockBytes = 256 << 10, beyond, isPaused = () => false }: Link,
  ms: number
): { came: number; window: number } {
  const window = new RequestWindow(blockBytes, 0, { beyond })
  const arrivals: number[] = []
  let [asked, received, free, now] = [0, 0, 0, 0]
  let before = 0
  let blocks = 0
  for (; now < ms; now++) {
    if (now === ms - 1000) before = received
    const roundTrip = now < ms / 2 ? first : later
    if (isPaused(now)) continue
    while (arrivals.length > 0 && arrivals[0]! <= now) {
      arrivals.shift()
      received++
    }
    blocks = window.blocks(received, now, roundTrip)
    while (asked - received < blocks) {
      // The request takes half a round trip, then the block waits for those before it.
      free = Math.max(free, now + roundTrip / 2) + 1 / rate
      arrivals.push(free + roundTrip / 2)
      asked++
    }
  }
  return { came: received - before, window: blocks }
}

const MBIT = 1e6 / 8 / 1000 / (256 << 10)

for (const [mbit, roundTrip] of [
  [20, 20],
  [100, 40],
  [100, 100],
  [1000, 10],
  [1000, 100],
  [20, 600]
] as const) {
  test(`a link of ${mbit} Mbit/s with ${roundTrip} ms is full, and a quarter of a second waits at most`, () => {
    const rate = mbit * MBIT
    const { came, window } = run({ rate, roundTrip }, 10_000)
    assert.ok(
      came >= Math.floor(0.97 * rate * 1000),
      `${came} blocks of ${(rate * 1000).toFixed(1)} in a second`
    )
    const most = Math.ceil(1.1 * rate * (roundTrip + 250)) + 1
    assert.ok(window <= most, `${window} blocks are asked for, more than ${most}`)
  })
}

test('a way that becomes longer is filled again', () => {
  const rate = 100 * MBIT
  const { came } = run({ rate, roundTrip: 20, later: 600 }, 20_000)
  assert.ok(
    came >= Math.floor(0.97 * rate * 1000),
    `${came} blocks of ${(rate * 1000).toFixed(1)} in a second`
  )
})

test('small blocks are asked for by their bytes', () => {
  const window = new RequestWindow(4096, 0)
  assert.equal(window.blocks(0, 0, 20), 256)
})

test('one block is asked for while another is under way, unless a block takes very long', () => {
  assert.equal(run({ rate: MBIT, roundTrip: 20 }, 60_000).window, 2)
  assert.equal(run({ rate: 0.1 * MBIT, roundTrip: 20 }, 60_000).window, 1)
})

test('a peer that is the only one may be asked for more, which waits at it for a second', () => {
  const rate = 20 * MBIT
  const { window } = run({ rate, roundTrip: 20, beyond: 1000 }, 10_000)
  const most = Math.ceil(1.1 * rate * 1020) + 1
  assert.ok(window > run({ rate, roundTrip: 20 }, 10_000).window && window <= most, `${window} blocks`)
})

test('a pause of this machine does not shrink what is asked for', () => {
  const link = { rate: 100 * MBIT, roundTrip: 40 }
  const steady = run(link, 10_000).window
  const paused = run({ ...link, isPaused: now => now >= 9000 && now < 9900 }, 10_000).window
  assert.ok(paused >= steady, `${paused} after the pause, ${steady} without it`)
})

test('a round trip that grows by what waits does not let more be asked for', () => {
  const window = new RequestWindow(256 << 10, 0)
  window.blocks(0, 0, 20)
  const near = window.blocks(10, 300, 20)
  const late = new RequestWindow(256 << 10, 0)
  late.blocks(0, 0, 20)
  assert.equal(late.blocks(10, 300, 500), near)
})
