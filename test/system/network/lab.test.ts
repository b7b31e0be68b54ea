import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Child } from '../../world/child.js'
import type { Question } from './echo.js'
import { Lab } from './lab.js'
import type { Before } from './lab.js'
import { missing, missingWire } from './missing.js'

const OPTIONS = { skip: missing(), timeout: 120_000 }
const WIRE_OPTIONS = { skip: missingWire(), timeout: 120_000 }
const ECHO = new URL('./echo.js', import.meta.url)
const PORT = '40000'

/** A laboratory with these homes and two public ones, a and b, each of which tells whom it sees. */
async function laboratory(t: TestContext, homes: Record<string, Before>, carriers: 'cone'[] = []) {
  const lab = await Lab.open(t)
  for (const router of carriers) await lab.carrier('carrier', router)
  const echoes = new Map<string, Child>()
  for (const [name, home] of Object.entries({ a: {}, b: {}, ...homes })) {
    await lab.home(name, home)
    const echo = lab.fork(name, ECHO)
    await echo.next()
    echoes.set(name, echo)
  }
  /** The address and port from which `host` sees the home `from`; null when nothing comes back. */
  const asks = async (from: string, host: string): Promise<[address: string, port: string] | null> => {
    const question: Question = { host }
    const seen = await echoes.get(from)!.ask<string | null>(question)
    return seen === null ? null : (seen.split(':') as [string, string])
  }
  return { lab, asks, a: lab.addressOf('a'), b: lab.addressOf('b') }
}

test('a cone keeps the port for everybody, and lets only answers in', OPTIONS, async t => {
  const { lab, asks, a, b } = await laboratory(t, { home: { router: 'cone' } })
  const outside = lab.addressOf('home')
  assert.deepEqual(await asks('home', a), [outside, PORT])
  assert.equal(await asks('b', outside), null, 'b was not spoken to yet')
  assert.deepEqual(await asks('home', b), [outside, PORT])
  assert.deepEqual(await asks('b', outside), [b, PORT], 'now its packets are answers')
})

test('a symmetric router takes another port for each destination', OPTIONS, async t => {
  const { lab, asks, a, b } = await laboratory(t, { home: { router: 'symmetric' } })
  const [one, two] = [await asks('home', a), await asks('home', b)]
  assert.equal(one![0], lab.addressOf('home'))
  assert.equal(two![0], lab.addressOf('home'))
  assert.equal(new Set([one![1], two![1], PORT]).size, 3)
})

test('a router that forwards lets everybody in', OPTIONS, async t => {
  const { lab, asks, a } = await laboratory(t, { home: { router: 'forwarded' } })
  assert.deepEqual(await asks('a', lab.addressOf('home')), [a, PORT])
})

test('a router without UDP lets none out', OPTIONS, async t => {
  const { asks, a } = await laboratory(t, { home: { router: 'no UDP' } })
  assert.equal(await asks('home', a), null)
})

test('two homes of one carrier share its address and do not reach each other by it', OPTIONS, async t => {
  const customer: Before = { router: 'cone', carrier: 'carrier' }
  const { lab, asks, a } = await laboratory(t, { one: customer, two: customer }, ['cone'])
  const outside = lab.addressOf('one')
  assert.equal(lab.addressOf('two'), outside)
  assert.equal((await asks('one', a))![0], outside)
  assert.equal((await asks('two', a))![0], outside)
  assert.equal(await asks('one', outside), null)
})

test('a cable goes out and in, and a home moves to another address', OPTIONS, async t => {
  const { lab, asks, a } = await laboratory(t, { home: { router: 'cone' } })
  await lab.cable('home', 'out')
  assert.equal(await asks('home', a), null)
  await lab.cable('home', 'in')
  const before = await asks('home', a)
  lab.move('home')
  const after = await asks('home', a)
  assert.notEqual(before![0], after![0])
  assert.equal(after![0], lab.addressOf('home'))
})

test('an emulated link carries frames, and loses what it is told to lose', WIRE_OPTIONS, async t => {
  const shape = { mbit: 10, delayMs: 10, lost: 0 }
  const { lab, asks, a } = await laboratory(t, { home: { router: 'cone', shape } })
  assert.deepEqual(await asks('home', a), [lab.addressOf('home'), PORT])
  await lab.shape('home', { ...shape, lost: 100 })
  assert.equal(await asks('home', a), null)
  await lab.shape('home', { ...shape, delayMs: 2000 })
  assert.equal(await asks('home', a), null, 'the answer comes too late')
})
