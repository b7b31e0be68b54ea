import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import { Scope } from '../../../src/base/scope.js'
import { ServiceFailure, Services, declaring } from '../../../src/base/services.js'
import type { Service } from '../../../src/base/services.js'
import { BushelError } from '../../../contracts/errors/error.js'

interface Parts {
  given: string
  a: string
  b: string
  c: string
}

const service = declaring<Parts>()

function unexpected(error: unknown): void {
  assert.fail(String(error))
}

function rejectionOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => assert.fail('it was not rejected'),
    (error: unknown) => error
  )
}

/** Three services, each of which needs the one before; what happens is in `log`. */
class Composition {
  readonly log: string[] = []
  readonly faults: unknown[] = []
  readonly gates = new EventEmitter()
  /** Names of services that fail to open, or to close, and with what. */
  readonly failing = new Map<string, unknown>()
  /** Names of services that wait for an event of their name before they are open, or closed. */
  readonly slow = new Set<string>()

  list(): Service<Parts>[] {
    const open = (name: string, scope: Scope): Promise<string> => this.#open(name, scope)
    return [
      service('a', ['given'], (_parts, scope) => open('a', scope)),
      service('b', ['a'], (_parts, scope) => open('b', scope)),
      service('c', ['a', 'b'], (_parts, scope) => open('c', scope))
    ]
  }

  services(): Services<Parts> {
    return new Services<Parts>({
      given: { given: 'x' },
      services: this.list(),
      onfault: error => this.faults.push(error)
    })
  }

  async #open(name: string, scope: Scope): Promise<string> {
    scope.add(() => this.#step(`close ${name}`))
    await this.#step(`open ${name}`)
    return name
  }

  async #step(step: string): Promise<void> {
    this.log.push(step)
    this.gates.emit(`at ${step}`)
    if (this.slow.has(step)) await once(this.gates, step)
    if (this.failing.has(step)) throw this.failing.get(step)
  }
}

test('services open from top to bottom and close from bottom to top, once', async () => {
  const composition = new Composition()
  const services = composition.services()
  await Promise.all([services.ready(), services.ready()])
  assert.deepEqual(services.names, ['a', 'b', 'c'])
  assert.deepEqual(services.parts, { given: 'x', a: 'a', b: 'b', c: 'c' })
  await Promise.all([services.close(), services.close()])
  await services.close()
  assert.deepEqual(composition.log, ['open a', 'open b', 'open c', 'close c', 'close b', 'close a'])
  assert.deepEqual(services.names, [])
})

test('a service is given what it needs, and nothing else', async () => {
  const seen: Record<string, unknown>[] = []
  const services = new Services<Parts>({
    given: { given: 'x' },
    services: [
      service('a', ['given'], parts => {
        seen.push({ ...parts })
        return 'a'
      }),
      service('b', ['a'], parts => {
        seen.push({ ...parts })
        return 'b'
      })
    ],
    onfault: unexpected
  })
  await services.ready()
  assert.deepEqual(seen, [{ given: 'x' }, { a: 'a' }])
  await services.close()
})

test('a need that is not declared above its service is an error at once', () => {
  const [a, b, c] = new Composition().list()
  const given = { given: 'x' }
  const make = (services: Service<Parts>[]): Services<Parts> =>
    new Services<Parts>({ given, services, onfault: unexpected })
  assert.throws(() => make([b!, a!, c!]), /'b' needs 'a'/)
  assert.throws(() => make([a!, c!]), /'c' needs 'b'/)
  assert.throws(() => make([a!, b!, a!]), /'a' is declared twice/)
  assert.throws(() => make([service('given', [], () => 'y')]), /'given' is declared twice/)
})

test('when a service fails to open, what it began and all before it is closed, and its name is told', async () => {
  const composition = new Composition()
  const cause = Object.assign(new Error('no room'), { code: 'ENOSPC' })
  composition.failing.set('open b', cause)
  const services = composition.services()
  const failure = await rejectionOf(services.ready())
  assert.ok(failure instanceof ServiceFailure)
  assert.deepEqual([failure.service, failure.code, failure.cause], ['b', 'ENOSPC', cause])
  assert.match(failure.message, /the service 'b' could not open: no room/)
  assert.deepEqual(composition.log, ['open a', 'open b', 'close b', 'close a'])
  await services.close()
  assert.deepEqual(composition.log.length, 4, 'closing after that does nothing')
  assert.deepEqual(composition.faults, [])
})

test('an error that says what to do is passed on as it is', async () => {
  const composition = new Composition()
  const cause = new BushelError('WALLET_BUSY', 'another process has the wallet', 'stop it')
  composition.failing.set('open c', cause)
  await assert.rejects(composition.services().ready(), (error: unknown) => error === cause)
})

test('a failure to close during a failed opening is told with the name of its service', async () => {
  const composition = new Composition()
  composition.failing.set('open c', new Error('first'))
  composition.failing.set('close b', new Error('late'))
  await assert.rejects(composition.services().ready(), { service: 'c' })
  assert.deepEqual(
    composition.log.slice(-3),
    ['close c', 'close b', 'close a'],
    'the others are closed all the same'
  )
  const [fault, ...others] = composition.faults
  assert.ok(fault instanceof ServiceFailure)
  assert.equal(others.length, 0)
  assert.match(fault.message, /the service 'b' could not close: late/)
})

test('a failure to close keeps no other service from closing, and reaches who closes', async () => {
  const composition = new Composition()
  composition.failing.set('close c', new Error('one'))
  composition.failing.set('close a', new Error('two'))
  const services = composition.services()
  await services.ready()
  await assert.rejects(services.close(), { service: 'c' })
  assert.deepEqual(composition.log.slice(-3), ['close c', 'close b', 'close a'])
  assert.match((composition.faults[0] as Error).message, /'a' could not close: two/)
})

test('closing during opening waits for the service under way, and opens no other', async () => {
  const composition = new Composition()
  composition.slow.add('open b')
  const services = composition.services()
  const opening = rejectionOf(services.ready())
  await once(composition.gates, 'at open b')
  const closing = services.close()
  assert.deepEqual(composition.log, ['open a', 'open b'], 'nothing is closed under a service that opens')
  composition.gates.emit('open b')
  await closing
  assert.equal(((await opening) as BushelError).code, 'CLOSED')
  assert.deepEqual(composition.log, ['open a', 'open b', 'close b', 'close a'])
})

test('a service that fails to open while the others are being closed is told with its name', async () => {
  const composition = new Composition()
  composition.slow.add('open b')
  composition.failing.set('open b', new Error('late'))
  const services = composition.services()
  const opening = rejectionOf(services.ready())
  await once(composition.gates, 'at open b')
  const closing = services.close()
  composition.gates.emit('open b')
  await closing
  assert.match(((await opening) as Error).message, /the service 'b' could not open: late/)
  assert.deepEqual(composition.log, ['open a', 'open b', 'close b', 'close a'])
})

test('closing waits until a service has closed before the one that it needs is closed', async () => {
  const composition = new Composition()
  composition.slow.add('close c')
  const services = composition.services()
  await services.ready()
  const closing = services.close()
  assert.deepEqual(composition.log.slice(3), ['close c'])
  composition.gates.emit('close c')
  await closing
  assert.deepEqual(composition.log.slice(3), ['close c', 'close b', 'close a'])
})

test('a scope undoes the newest first, all of it, once, and at once what comes after', async () => {
  const scope = new Scope()
  const emitter = new EventEmitter()
  const undone: number[] = []
  scope.on(emitter, 'event', () => undefined)
  scope.add(() => undone.push(1))
  scope.add(() => {
    throw new Error('it fails')
  })
  scope.add(() => undone.push(2))
  assert.equal(emitter.listenerCount('event'), 1)
  await assert.rejects(scope.close(), { message: 'it fails' })
  await assert.rejects(scope.close(), { message: 'it fails' })
  assert.deepEqual(undone, [2, 1])
  assert.equal(emitter.listenerCount('event'), 0)
  scope.add(() => undone.push(3))
  await assert.rejects(scope.close())
  assert.deepEqual(undone, [2, 1, 3])
})

test('work under a guard that fails leaves nothing registered', async () => {
  const scope = new Scope()
  const emitter = new EventEmitter()
  const work = scope.guard(async () => {
    scope.on(emitter, 'event', () => undefined)
    await Promise.reject(new Error('no'))
  })
  await assert.rejects(work, { message: 'no' })
  assert.equal(emitter.listenerCount('event'), 0)
})
