import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY, HOUR, MINUTE } from '../../../contracts/money/quantity.js'
import { TrustedTime } from '../../../src/base/time/trusted-time.js'

const START = 1_700_000_000_000

class Machine {
  wall = START
  monotonic = 0
  uptime = 5000
  readonly jumps: number[] = []
  readonly time = new TrustedTime({
    wall: () => this.wall,
    monotonic: () => this.monotonic,
    uptime: () => this.uptime
  })

  constructor() {
    this.time.onJump(jump => this.jumps.push(jump))
  }

  pass(ms: number): void {
    this.wall += ms
    this.monotonic += ms
    this.uptime += ms
  }

  sleep(ms: number): void {
    this.wall += ms
    this.uptime += ms
  }
}

for (const jump of [45 * DAY, -45 * DAY, 2 * MINUTE]) {
  test(`a clock that is wrong by ${jump} ms for a while is not followed`, () => {
    const machine = new Machine()
    machine.pass(HOUR)
    assert.equal(machine.time.now(), START + HOUR)
    machine.wall += jump
    machine.pass(MINUTE)
    assert.equal(machine.time.now(), START + HOUR + MINUTE)
    assert.equal(machine.time.jump, jump)
    machine.pass(30 * MINUTE)
    machine.sleep(10 * MINUTE)
    assert.equal(machine.time.now(), START + HOUR + 41 * MINUTE, 'time goes on')
    machine.wall -= jump
    machine.pass(MINUTE)
    assert.equal(machine.time.now(), START + HOUR + 42 * MINUTE)
    assert.deepEqual(machine.jumps, [jump, 0])
  })
}

test('a clock that was set and stands for an hour is followed', () => {
  const machine = new Machine()
  machine.wall += DAY
  machine.time.now()
  machine.pass(HOUR - 1)
  assert.equal(machine.time.now(), START + HOUR - 1)
  machine.pass(1)
  assert.equal(machine.time.now(), START + DAY + HOUR)
  assert.deepEqual(machine.jumps, [DAY, 0])
})

test('a clock that jumps again and again is never followed', () => {
  const machine = new Machine()
  for (let i = 0; i < 10; i++) {
    machine.wall += DAY
    machine.time.now()
    machine.pass(HOUR / 2)
    assert.equal(machine.time.now(), START + ((i + 1) * HOUR) / 2)
  }
})

test('a machine that sleeps, stands still or drifts slowly is followed', () => {
  const machine = new Machine()
  machine.sleep(9 * HOUR)
  assert.equal(machine.time.now(), machine.wall)
  machine.pass(3 * DAY)
  assert.equal(machine.time.now(), machine.wall)
  for (let i = 0; i < 100; i++) {
    machine.pass(HOUR)
    machine.wall += 10_000
    assert.equal(machine.time.now(), machine.wall)
  }
  assert.deepEqual(machine.jumps, [])
})

test('the time is a whole number of ms while the clock is not followed, too', () => {
  const machine = new Machine()
  machine.wall += DAY
  machine.pass(1.25)
  assert.ok(Number.isInteger(machine.time.now()))
})
