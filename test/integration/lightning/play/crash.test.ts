import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import { BushelError } from '../../../../contracts/errors/error.js'
import { linkLightning } from '../../../../src/lightning/backends/play/link.js'
import type { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'
import { Children } from '../../../world/children.js'
import type { FromHolder, ToHolder } from './wallet-child.js'
import {
  WalletGroup,
  FEELESS,
  SAT,
  untilBalance,
  ended,
  invoice,
  payUntilSettled,
  spendable,
  succeeded
} from './wallets.js'
import type { WalletCondition } from '../../../../src/lightning/wallet.js'

const group = new WalletGroup()
let alice: PlayWallet
let bob: PlayWallet

before(async () => {
  ;[alice, bob] = await group.pair(100_000n * SAT)
})
after(() => group.destroy())

test('each payment is made exactly once over ten kills amid payments both ways', async () => {
  const [from, to] = await Promise.all([spendable(alice), spendable(bob)])
  let done = 0
  let kills = 0
  const settled = new Map<string, number>()
  const count = (hash: Buffer): unknown =>
    settled.set(hash.toString('hex'), (settled.get(hash.toString('hex')) ?? 0) + 1)
  alice.on('settled', count)
  bob.on('settled', count)
  let balance = 0n
  const due: { hash: Buffer; payee: PlayWallet; payer: PlayWallet }[] = []
  const worker = async (number: number): Promise<void> => {
    while (kills < 10) {
      const [payer, payee] = number % 4 ? [alice, bob] : [bob, alice]
      const one = await invoice(payee, BigInt(1 + done * 7))
      await payUntilSettled(payer, payee.nodeId, one)
      due.push({ hash: one.paymentHash, payee, payer })
      balance += payee === bob ? one.msat : -one.msat
      // At every sixth payment the process of one of the two is killed, in turn.
      if (++done % 6 === 0 && kills < 10) process.kill((kills++ % 2 ? bob : alice).pid ?? 0, 'SIGKILL')
    }
  }
  await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(worker))
  assert.ok(done >= 60)
  await untilBalance(bob, to + balance)
  await untilBalance(alice, from - balance)
  for (const { hash, payee, payer } of due) {
    assert.equal((await payee.invoice(hash)).status, 'settled')
    assert.equal((await payer.payment(hash)).status, 'succeeded')
    assert.equal(settled.get(hash.toString('hex')), 1)
  }
})

test('a Lightning process that dies, and is back, is told of', async () => {
  const told: string[] = []
  const note = ({ state }: WalletCondition): void => void told.push(state)
  alice.on('condition', note)
  process.kill(alice.pid ?? 0, 'SIGKILL')
  while (told.at(-1) !== 'working') await once(alice, 'condition')
  alice.off('condition', note)
  assert.deepEqual(told, ['starting', 'working'])
})

test('a payment that was pending when the payer died is reported after its restart', async () => {
  const due = await invoice(bob, 4_321n)
  const before = await spendable(bob)
  process.kill(bob.pid as number, 'SIGSTOP')
  const paying = alice.pay(due.bolt11, FEELESS)
  assert.deepEqual(await alice.pay(due.bolt11, { maxFeeMsat: 0n, timeoutMs: 200 }), { status: 'pending' })
  process.kill(alice.pid as number, 'SIGKILL')
  process.kill(bob.pid as number, 'SIGCONT')
  succeeded(await paying, due)
  await untilBalance(bob, before + due.msat)
})

test('the Lightning process ends with a killed parent, and the wallet opens again at once', async t => {
  const children = await Children.open(t)
  await alice.close()
  const dht = await group.dht()
  const held: NoiseStream[] = []
  const server = dht.createServer({}, stream => {
    held.push(stream)
    stream.on('error', () => undefined) // the other end is killed on purpose
    linkLightning(stream, bob)
  })
  await server.listen()
  const dues = await Promise.all(Array.from({ length: 30 }, (_, i) => invoice(bob, BigInt(i + 1))))
  const before = await spendable(bob)
  const script = new URL('./wallet-child.js', import.meta.url)
  const holder = children.fork(script, { options: group.folder('alice') })
  const ready = await holder.next<FromHolder>()
  assert.ok(ready.type === 'ready')
  const order: ToHolder = {
    bootstrap: await group.bootstrap(),
    server: server.publicKey,
    nodeId: bob.nodeId,
    invoices: dues.map(({ bolt11 }) => bolt11)
  }
  let paid = 0
  const enough = new Promise<void>(resolve =>
    holder.on('event', () => (++paid === 10 ? resolve() : undefined))
  )
  holder.ask(order).catch(() => undefined) // it is killed before its answer
  await enough
  await holder.kill('SIGKILL')
  alice = await group.wallet('alice')
  await ended(ready.pid)
  // Bob keeps the old connection until it is known to be gone, since the next one is of another device.
  for (const stream of held) stream.destroy()
  await group.join(alice, bob)
  for (const due of dues) await payUntilSettled(alice, bob.nodeId, due)
  await untilBalance(bob, before + dues.reduce((sum, { msat }) => sum + msat, 0n))
})

test('a channel that the other side has forgotten is closed, and its money is credited', async () => {
  const carol = await group.wallet('carol')
  await group.join(alice, carol)
  const before = await spendable(alice)
  await alice.reach(carol.nodeId, SAT, 20_000)
  const opened = await spendable(alice)
  assert.ok(opened < before)
  await carol.close()
  fs.rmSync(path.join(carol.dir, 'state'))
  const again = await group.wallet('carol')
  assert.deepEqual(again.nodeId, carol.nodeId)
  await group.join(alice, again)
  // The reserve comes back with the rest; twice as much, which was given to the other side at opening, does not.
  const reserve = ((before - opened) / (3n * SAT)) * SAT
  await untilBalance(alice, opened + reserve)
  await alice.reach(again.nodeId, SAT, 20_000)
  const due = await invoice(again, 1n)
  succeeded(await alice.pay(due.bolt11, FEELESS), due)
})

test('an old copy of the folder fails with one clear error and does not harm the other node', async () => {
  const [erin, frank] = await Promise.all([group.wallet('erin'), group.wallet('frank')])
  const cut = await group.join(erin, frank)
  await erin.reach(frank.nodeId, SAT, 20_000)
  await erin.close()
  cut()
  const copy = group.folder('copy')
  fs.cpSync(erin.dir, copy, { recursive: true })
  const newer = await group.wallet('erin')
  const cutAgain = await group.join(newer, frank)
  for (let i = 0; i < 3; i++) {
    const due = await invoice(frank, 10n)
    await newer.reach(frank.nodeId, 10n, 20_000)
    succeeded(await newer.pay(due.bolt11, FEELESS), due)
  }
  await newer.close()
  cutAgain()
  fs.rmSync(newer.dir, { recursive: true })
  fs.renameSync(copy, newer.dir)

  const old = await group.wallet('erin')
  await group.join(old, frank)
  await assert.rejects(old.reach(frank.nodeId, 1_000n * SAT, 60_000), (error: unknown) => {
    assert.ok(error instanceof BushelError)
    assert.equal(error.code, 'WALLET_FAILED')
    assert.match(error.message, /old copy/)
    return true
  })
  // It ends at each connection until it stays down for a while with that reason.
  while ((await old.condition()).state !== 'down') await once(old, 'condition')
  assert.match((await old.condition()).reason, /old copy/)
  await assert.rejects(old.balance(), { code: 'WALLET_FAILED' })
  assert.equal(old.pid, undefined)
  await old.close()
  assert.ok((await frank.balance()).spendableMsat > 0n)
})
