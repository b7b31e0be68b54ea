import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineStates, nameOf } from '../../../src/base/states.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'
import { JOB } from '../../../src/compute/job/job-state.js'
import { STEP } from '../../../src/payment/payment-state.js'

const door = defineStates('door', ['open', 'shut', 'walled'], {
  owner: {
    open: { meaning: 'anybody may enter', begins: 'it is built', to: { shut: 'the owner shuts it' } },
    shut: { meaning: 'nobody may enter', to: { open: 'the owner opens it', walled: 'it is walled up' } },
    walled: { meaning: 'a wall', final: true, deleted: 'the house falls' }
  },
  guest: { open: { meaning: 'the guest may enter', begins: 'the guest is asked in', final: true } }
})
const DOOR = door.is

test('a transition of the table passes, any other throws and is logged', () => {
  const logged: unknown[] = []
  const log = { fault: (error: unknown) => void logged.push(error) }
  const refused = (why: RegExp, ...[role, before, after]: [...Parameters<typeof door.transition>]): void => {
    const before_ = logged.length
    assert.throws(() => door.transition(role, before, after, log), why)
    assert.equal(logged.length, before_ + 1)
    assert.match((logged.at(-1) as Error).message, why)
  }
  door.transition('owner', null, DOOR.open, log)
  door.transition('owner', DOOR.open, DOOR.shut, log)
  door.transition('owner', DOOR.shut, DOOR.open, log)
  door.transition('owner', DOOR.shut, DOOR.walled, log)
  door.transition('owner', DOOR.walled, null, log)
  assert.deepEqual(logged, [])
  refused(/a door \(owner\) cannot begin as shut/, 'owner', null, DOOR.shut, log)
  refused(/cannot go from open to walled/, 'owner', DOOR.open, DOOR.walled, log)
  refused(/cannot be deleted as open/, 'owner', DOOR.open, null, log)
  refused(/cannot be deleted before it begins/, 'owner', null, null, log)
})

test('a record may be written again in its state, but only in a state of its role', () => {
  const log = { fault: () => undefined }
  door.transition('owner', DOOR.shut, DOOR.shut, log)
  door.transition('guest', DOOR.open, DOOR.open, log)
  assert.throws(() => door.transition('guest', DOOR.shut, DOOR.shut, log), /\(guest\) cannot go from shut/)
  assert.throws(() => door.transition('guest', DOOR.open, DOOR.shut, log), /\(guest\) cannot go from open/)
})

test('states have names, and names have states', () => {
  assert.equal(nameOf(DOOR.walled), 'walled')
  assert.equal(door.named('walled'), DOOR.walled)
  assert.equal(door.named('toString'), null)
  const isPassable = door.among('open')
  assert.deepEqual([isPassable(DOOR.open), isPassable(DOOR.shut)], [true, false])
})

test('a state is not compared with a bare string or with a state of something else', () => {
  // The build fails when one of these becomes legal.
  // @ts-expect-error: a bare string
  assert.ok(LEASE.STORED === 'STORED')
  // @ts-expect-error: a bare string
  assert.ok(JOB.DONE === 'DONE')
  // @ts-expect-error: a bare string
  assert.ok(STEP.paid === 'paid')
  // @ts-expect-error: a bare string in a list
  assert.ok(['ENDED', 'VOID'].includes(LEASE.VOID))
  // @ts-expect-error: a bare string as a state
  const lease: { state: typeof LEASE.VOID } = { state: 'VOID' }
  // @ts-expect-error: a state of a job
  assert.ok(lease.state === JOB.VOID)
})
