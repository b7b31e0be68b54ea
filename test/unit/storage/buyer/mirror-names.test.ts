import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MirrorJob } from '#spec'
import type { Leases } from '../../../../src/storage/lease/leases.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import type { LeaseState } from '../../../../src/storage/lease/lease-state.js'
import type { Store } from '../../../../src/store/store.js'
import { findMirror, mirrorsOf, nameOfMirror, newName } from '../../../../src/storage/buyer/mirror-names.js'
import { MIRROR } from '../../../../src/storage/buyer/mirror-state.js'

const mirror = (store: string, change: Partial<MirrorJob> = {}): MirrorJob =>
  ({
    store,
    path: '/home/films',
    state: MIRROR.KEPT,
    agreements: [Buffer.from(store)],
    ...change
  }) as MirrorJob

const NONE = { get: () => null } as unknown as Leases

/** A store that has these mirrors. */
function storeOf(...jobs: MirrorJob[]): Store {
  return { table: () => ({ list: () => jobs.map(value => ({ value })) }) } as unknown as Store
}

test('a mirror has the name of its path, with a number when another one has it', () => {
  assert.equal(nameOfMirror({ path: '/home/films' }), 'films')
  assert.equal(nameOfMirror({ path: '/' }), '/')
  assert.equal(newName(storeOf(), NONE, '/home/films', null), 'films')
  assert.equal(
    newName(storeOf(mirror('aa'), mirror('bb', { name: 'films 2' })), NONE, '/old/films', null),
    'films 3'
  )
})

test('a name that is taken is refused, and one of a mirror that was replaced is free', () => {
  assert.throws(() => newName(storeOf(mirror('aa')), NONE, '/x', 'films'), { code: 'BAD_INPUT' })
  const replaced = storeOf(mirror('aa', { state: MIRROR.SUPERSEDED }))
  assert.equal(newName(replaced, NONE, '/x', 'films'), 'films')
  assert.deepEqual(mirrorsOf(replaced, NONE), [])
})

test('a mirror is found by its name, or by the beginning of its id', () => {
  const store = storeOf(mirror('abcd1234', { name: 'one' }), mirror('abcd9999', { name: 'two' }))
  assert.equal(findMirror(store, NONE, 'two').store, 'abcd9999')
  assert.equal(findMirror(store, NONE, 'abcd1').store, 'abcd1234')
  assert.throws(() => findMirror(store, NONE, 'three'), { code: 'NOT_FOUND' })
  assert.throws(() => findMirror(store, NONE, 'abcd'), { code: 'BAD_INPUT' })
})

test('a long name leaves room for its number, and can be asked for', () => {
  const path = `/home/${'n'.repeat(200)}`
  const first = newName(storeOf(), NONE, path, null)
  const second = newName(storeOf(mirror('aa', { name: first })), NONE, path, null)
  assert.deepEqual([first, second], ['n'.repeat(64), `${'n'.repeat(62)} 2`])
})

test('a mirror that was replaced is there as long as a copy of it is paid on', () => {
  const replaced = storeOf(
    mirror('aa', { state: MIRROR.SUPERSEDED }),
    mirror('bb', { state: MIRROR.WITHDRAWN })
  )
  const paidOn = (state: LeaseState): string[] =>
    mirrorsOf(replaced, {
      get: (_role: string, id: Buffer) => (id.equals(Buffer.from('aa')) ? { state } : null)
    } as unknown as Leases).map(({ store: id }) => id)
  assert.deepEqual(paidOn(LEASE.STORED), ['aa'])
  assert.deepEqual(paidOn(LEASE.LAPSING), [])
})
