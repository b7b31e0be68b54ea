import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MirrorJob } from '#spec'
import type { Store } from '../../../../src/store/store.js'
import { findMirror, mirrorsOf, nameOfMirror, newName } from '../../../../src/storage/buyer/mirror-names.js'
import { MIRROR } from '../../../../src/storage/buyer/mirror-state.js'

const mirror = (store: string, change: Partial<MirrorJob> = {}): MirrorJob =>
  ({ store, path: '/home/films', state: MIRROR.KEPT, ...change }) as MirrorJob

/** A store that has these mirrors. */
function storeOf(...jobs: MirrorJob[]): Store {
  return { table: () => ({ list: () => jobs.map(value => ({ value })) }) } as unknown as Store
}

test('a mirror has the name of its path, with a number when another one has it', () => {
  assert.equal(nameOfMirror({ path: '/home/films' }), 'films')
  assert.equal(nameOfMirror({ path: '/' }), '/')
  assert.equal(newName(storeOf(), '/home/films', null), 'films')
  assert.equal(
    newName(storeOf(mirror('aa'), mirror('bb', { name: 'films 2' })), '/old/films', null),
    'films 3'
  )
})

test('a name that is taken is refused, and one of a mirror that was replaced is free', () => {
  assert.throws(() => newName(storeOf(mirror('aa')), '/x', 'films'), { code: 'BAD_INPUT' })
  const replaced = storeOf(mirror('aa', { state: MIRROR.SUPERSEDED }))
  assert.equal(newName(replaced, '/x', 'films'), 'films')
  assert.deepEqual(mirrorsOf(replaced), [])
})

test('a mirror is found by its name, or by the beginning of its id', () => {
  const store = storeOf(mirror('abcd1234', { name: 'one' }), mirror('abcd9999', { name: 'two' }))
  assert.equal(findMirror(store, 'two').store, 'abcd9999')
  assert.equal(findMirror(store, 'abcd1').store, 'abcd1234')
  assert.throws(() => findMirror(store, 'three'), { code: 'NOT_FOUND' })
  assert.throws(() => findMirror(store, 'abcd'), { code: 'BAD_INPUT' })
})
