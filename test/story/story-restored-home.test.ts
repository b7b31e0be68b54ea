import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import test from 'node:test'
import { isPayment } from '../world/resume.js'
import { makeTree, noise } from '../samples/tree.js'
import { World } from '../world/world.js'
import type { MirrorResult } from '../world/world.js'

interface Status {
  notes: string[]
}

interface Check {
  ok: boolean
  faults: string[]
  paidMsat: string
  receivedMsat: string
}

/** A home without the socket of the node that ran on it. */
async function copy(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: path => !path.endsWith('.sock') })
}

test(
  'a home restored from an older copy learns so from its provider and pays nothing again',
  { timeout: 150_000 },
  async t => {
    const { world, market } = await World.withMarket(t)
    const [seller] = await Promise.all([
      world.seller('seller', market, '600000 sat/GiB-month'),
      world.join('buyer', market)
    ])
    const source = world.at('source')
    await makeTree(source, { 'a.bin': noise('older', 300_000) })
    const mirror = ['mirror', source, '--copies', '1', '--time', '30d']

    const first = world.processes.start(mirror, { home: world.at('buyer') })
    await first.line(isPayment(1))
    await world.kill('buyer')
    await first.ended
    await copy(world.at('buyer'), world.at('copy'))

    await world.up('buyer')
    const done = await world.ok<MirrorResult>('buyer', mirror)
    const [sold] = await world.leases('seller')
    assert.equal(sold!.earnedMsat, done.paidMsat)
    await world.kill('buyer')
    await rm(world.at('buyer'), { recursive: true })
    await copy(world.at('copy'), world.at('buyer'))

    await world.up('buyer')
    const again = await world.ok<MirrorResult>('buyer', mirror)
    assert.deepEqual(again.leases, done.leases, 'the same lease goes on')
    const { notes } = await world.ok<Status>('buyer', ['status'])
    const alarm = notes.find(note => note.includes('this home is an older copy'))
    assert.ok(alarm?.includes(seller.device.slice(0, 8)), notes.join('\n'))

    const [kept] = await world.leases('seller')
    assert.equal(kept!.earnedMsat, done.paidMsat, 'nothing was paid a second time')
    const [bought] = await world.leases('buyer')
    assert.deepEqual([bought!.state, bought!.paidMsat], ['STORED', done.paidMsat])
    for (const name of ['buyer', 'seller']) {
      const { ok, faults } = await world.ok<Check>(name, ['log', '--check'])
      assert.ok(ok, `${name}: ${faults.join('; ')}`)
    }

    // What was taken over equals what was paid: the balance is that of a buyer that lost nothing.
    const other = world.at('other')
    await makeTree(other, { 'b.bin': noise('next', 100_000) })
    const next = await world.ok<MirrorResult>('buyer', ['mirror', other, '--copies', '1', '--time', '30d'])
    const { receivedMsat } = await world.ok<Check>('seller', ['log', '--check'])
    assert.equal(BigInt(receivedMsat), BigInt(done.paidMsat) + BigInt(next.paidMsat))
  }
)
