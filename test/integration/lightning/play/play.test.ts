import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import Protomux from 'protomux'
import c from 'compact-encoding'
import { BushelError } from '../../../../contracts/errors/error.js'
import { checkInvoice } from '../../../../src/lightning/invoice.js'
import { linkLightning } from '../../../../src/lightning/backends/play/link.js'
import { PLAY_NETWORK } from '../../../../src/lightning/backends/play/network.js'
import { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'
import { noPoint } from '../../../samples/people.js'
import { WalletGroup, FEELESS, SAT, untilBalance, ended, invoice, spendable, succeeded } from './wallets.js'

const group = new WalletGroup()
let alice: PlayWallet
let bob: PlayWallet
let carol: PlayWallet
let cut: () => void

before(async () => {
  ;[alice, bob, carol] = await Promise.all([
    group.wallet('alice'),
    group.wallet('bob'),
    group.wallet('carol')
  ])
  cut = await group.join(alice, bob)
})
after(() => group.destroy())

const refusedWith = (code: string, exit: number) => (error: unknown) => {
  assert.ok(error instanceof BushelError, String(error))
  assert.deepEqual([error.code, error.exit], [code, exit])
  return true
}

test('a wallet is created without starting Lightning, and its balance is on disk', async () => {
  const dir = group.folder('new')
  assert.equal(await PlayWallet.readBalance(dir), null)
  const balance = { network: PLAY_NETWORK, spendableMsat: 5n * SAT, receivableMsat: 0n }
  assert.deepEqual(await PlayWallet.create(dir, { grantMsat: 5n * SAT }), balance)
  const seed = fs.readFileSync(path.join(dir, 'seed'))
  assert.equal(fs.statSync(path.join(dir, 'seed')).mode & 0o777, 0o600)
  assert.deepEqual(await PlayWallet.create(dir, { grantMsat: 9n * SAT }), balance)
  assert.deepEqual(fs.readFileSync(path.join(dir, 'seed')), seed)
  assert.deepEqual(await PlayWallet.readBalance(dir), balance)
})

test('an insufficient balance is reported before anything is sent', async () => {
  const before = await alice.balance()
  await assert.rejects(alice.reach(bob.nodeId, 990_000n * SAT, 5_000), refusedWith('NO_BALANCE', 5))
  await assert.rejects(alice.reach(carol.nodeId, 2_000_000n * SAT, 5_000), refusedWith('NO_BALANCE', 5))
  assert.deepEqual(await alice.balance(), before)
})

test('an absent node cannot be reached', async () => {
  await assert.rejects(alice.reach(carol.nodeId, SAT, 100), refusedWith('NO_ROUTE', 5))
  await assert.rejects(alice.reach(noPoint(), SAT, 100), refusedWith('NO_ROUTE', 5))
})

test('opening a channel debits the grant, and both sides can pay from the start', async () => {
  await Promise.all([1, 2, 3].map(() => alice.reach(bob.nodeId, 1_000n * SAT, 20_000)))
  // One channel of 25,000 sat: 2,000 went to Bob, and each side keeps a reserve of 1,000.
  assert.equal(await spendable(alice), 997_000n * SAT)
  assert.deepEqual(await bob.balance(), {
    network: PLAY_NETWORK,
    spendableMsat: 1_001_000n * SAT,
    receivableMsat: 22_000n * SAT
  })
  const back = await invoice(alice, 750n * SAT)
  succeeded(await bob.pay(back.bolt11, FEELESS), back)
})

test('an invoice is issued, checked, paid and settled', async () => {
  const due = await invoice(bob, 1_234n, 'bushel/1 x 0')
  const expected = {
    network: PLAY_NETWORK,
    payee: bob.nodeId,
    description: 'bushel/1 x 0',
    now: Date.now(),
    ...due
  }
  checkInvoice(due.bolt11, expected)
  assert.throws(
    () => checkInvoice(due.bolt11, { ...expected, msat: 1_233n }),
    refusedWith('INVOICE_REFUSED', 5)
  )
  assert.throws(() => checkInvoice(due.bolt11, { ...expected, payee: alice.nodeId }), /another node/)
  assert.deepEqual(await bob.invoice(due.paymentHash), { status: 'open' })
  assert.deepEqual(await alice.payment(due.paymentHash), { status: 'unknown' })

  const settled = once(bob, 'settled')
  const began = Date.now()
  succeeded(await alice.pay(due.bolt11, FEELESS), due)
  assert.deepEqual(await settled, [due.paymentHash, 1_234n])
  succeeded(await alice.payment(due.paymentHash), due)
  const state = await bob.invoice(due.paymentHash)
  assert.ok(state.status === 'settled' && state.receivedMsat === 1_234n)
  assert.ok(state.settledAt >= began - 1000 && state.settledAt <= Date.now(), 'in whole seconds at worst')
})

test('the same preimage gives the same invoice, and never one for something else', async () => {
  const preimage = randomBytes(32)
  const request = { preimage, msat: 10n, description: 'one', expirySeconds: 60 }
  assert.equal(await bob.issue(request), await bob.issue(request))
  await assert.rejects(bob.issue({ ...request, msat: 11n }), refusedWith('INVOICE_CONFLICT', 2))
  await assert.rejects(
    bob.issue({ ...request, preimage: randomBytes(32), msat: 0n }),
    refusedWith('BAD_INPUT', 2)
  )
})

test('a paid invoice is not paid again', async () => {
  const due = await invoice(bob, 500n)
  const before = await spendable(bob)
  const both = await Promise.all([alice.pay(due.bolt11, FEELESS), alice.pay(due.bolt11, FEELESS)])
  for (const state of [...both, await alice.pay(due.bolt11, FEELESS)]) succeeded(state, due)
  await untilBalance(bob, before + 500n)
})

test('a refused invoice is failed back, and a settled one stays settled', async () => {
  const due = await invoice(bob, 700n)
  assert.deepEqual(await bob.refuse(due.paymentHash), { status: 'refused' })
  const state = await alice.pay(due.bolt11, FEELESS)
  assert.equal(state.status, 'failed')
  assert.deepEqual(await alice.payment(due.paymentHash), state)
  assert.deepEqual(await bob.invoice(due.paymentHash), { status: 'refused' })
  assert.deepEqual(await bob.refuse(randomBytes(32)), { status: 'unknown' })

  const paid = await invoice(bob, 700n)
  succeeded(await alice.pay(paid.bolt11, FEELESS), paid)
  assert.equal((await bob.refuse(paid.paymentHash)).status, 'settled')
})

test('text that is not an invoice of this network is not paid', async () => {
  for (const text of ['', 'lnbcrt1', 'hello', 'lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqf']) {
    await assert.rejects(alice.pay(text, FEELESS), refusedWith('INVOICE_REFUSED', 5))
  }
})

test('a failed payment can be made later', async () => {
  const due = await invoice(carol, 2n)
  const failed = await alice.pay(due.bolt11, FEELESS)
  assert.equal(failed.status, 'failed')
  const part = await group.join(alice, carol)
  const [state] = await Promise.all([alice.pay(due.bolt11, FEELESS), alice.payment(due.paymentHash)])
  assert.equal(state.status, 'failed') // there is no channel yet
  await alice.reach(carol.nodeId, 2n, 20_000)
  const again = alice.pay(due.bolt11, FEELESS)
  assert.notEqual((await alice.payment(due.paymentHash)).status, 'failed')
  succeeded(await again, due)
  part()
})

test('many payments in flight, from 1 msat up, succeed', async () => {
  const amounts = Array.from({ length: 64 }, (_, i) => BigInt(i * i * i) + 1n)
  const [from, to] = await Promise.all([spendable(alice), spendable(bob)])
  const dues = await Promise.all(amounts.map(msat => invoice(bob, msat)))
  const states = await Promise.all(dues.map(({ bolt11 }) => alice.pay(bolt11, FEELESS)))
  states.forEach((state, i) => succeeded(state, dues[i] as (typeof dues)[number]))
  const sum = amounts.reduce((a, b) => a + b)
  await untilBalance(bob, to + sum)
  await untilBalance(alice, from - sum)
})

test('an amount above the channel’s opens another channel, as large as needed', async () => {
  await alice.reach(bob.nodeId, 300_000n * SAT, 20_000)
  const due = await invoice(bob, 300_000n * SAT)
  succeeded(await alice.pay(due.bolt11, FEELESS), due)
})

test('one payment to each of several peers succeeds at once', async () => {
  await group.join(bob, carol)
  await group.join(carol, alice)
  await Promise.all([bob.reach(carol.nodeId, SAT, 20_000), carol.reach(alice.nodeId, SAT, 20_000)])
  const [toCarol, toAlice] = await Promise.all([invoice(carol, 5n), invoice(alice, 6n)])
  succeeded(await bob.pay(toCarol.bolt11, FEELESS), toCarol)
  succeeded(await carol.pay(toAlice.bolt11, FEELESS), toAlice)
})

test('a small grant opens a small channel, and all of it can be used', async () => {
  const dave = await group.wallet('dave', 15_000n * SAT)
  await group.join(dave, carol)
  await assert.rejects(dave.reach(carol.nodeId, 14_000n * SAT, 5_000), refusedWith('NO_BALANCE', 5))
  await dave.reach(carol.nodeId, 2_000n * SAT, 20_000)
  const due = await invoice(carol, 2_000n * SAT)
  succeeded(await dave.pay(due.bolt11, FEELESS), due)
  await assert.rejects(dave.reach(carol.nodeId, 12_000n * SAT, 5_000), refusedWith('NO_BALANCE', 5))
})

test('a payment to an unresponsive payee stays pending until it answers', async () => {
  const due = await invoice(bob, 900n)
  const before = await spendable(bob)
  process.kill(bob.pid as number, 'SIGSTOP')
  try {
    assert.deepEqual(await alice.pay(due.bolt11, { maxFeeMsat: 0n, timeoutMs: 300 }), { status: 'pending' })
    assert.deepEqual(await alice.payment(due.paymentHash), { status: 'pending' })
  } finally {
    process.kill(bob.pid as number, 'SIGCONT')
  }
  succeeded(await alice.pay(due.bolt11, FEELESS), due)
  await untilBalance(bob, before + 900n)
})

test('a payment over a cut connection waits for the next connection', async () => {
  const due = await invoice(bob, 800n)
  cut()
  const paying = alice.pay(due.bolt11, FEELESS)
  cut = await group.join(alice, bob)
  const state = await paying
  if (state.status !== 'succeeded') {
    await alice.reach(bob.nodeId, 800n, 20_000)
    succeeded(await alice.pay(due.bolt11, FEELESS), due)
  }
})

test('a peer of another network and garbage on the channel harm no other peer', async () => {
  const [near, far] = await group.connection()
  linkLightning(far, bob)
  const mux = Protomux.from(near)
  const handshake = {
    preencode: (state: { end: number }, bytes: Buffer) => (state.end += bytes.length),
    encode: (state: { start: number; buffer: Buffer }, bytes: Buffer) => {
      bytes.copy(state.buffer, state.start)
      state.start += bytes.length
    },
    decode: c.raw.decode
  }
  const channel = (hello: Buffer, onclose: () => void): void => {
    const made = mux.createChannel({ protocol: 'bushel/lightning', id: null, handshake, onclose })
    made?.open(hello)
  }
  const hello = (network: string, id: Buffer): Buffer =>
    Buffer.concat([Buffer.from([network.length]), Buffer.from(network), id])
  await new Promise<void>(resolve => channel(hello('play-9', alice.nodeId), resolve))
  assert.equal(near.destroyed, false)

  for (const bytes of [hello(PLAY_NETWORK, randomBytes(33).fill(9, 0, 1)), Buffer.from([200, 1, 2])]) {
    const [mine, theirs] = await group.connection()
    linkLightning(theirs, bob)
    const closed = new Promise(resolve => mine.once('close', resolve))
    Protomux.from(mine).createChannel({ protocol: 'bushel/lightning', id: null, handshake })?.open(bytes)
    await closed
  }
  // A valid greeting followed by nonsense: Lightning's own handshake fails.
  const [mine, theirs] = await group.connection()
  linkLightning(theirs, bob)
  await new Promise<void>(resolve => {
    const made = Protomux.from(mine).createChannel({
      protocol: 'bushel/lightning',
      id: null,
      handshake,
      onclose: resolve
    })
    const data = made?.addMessage<Buffer>({ encoding: c.raw, onmessage: () => undefined })
    made?.open(hello(PLAY_NETWORK, carol.nodeId))
    data?.send(randomBytes(2000))
  })
  const before = await spendable(bob)
  const due = await invoice(bob, 3n)
  succeeded(await alice.pay(due.bolt11, FEELESS), due)
  await untilBalance(bob, before + 3n)
})

test('both wallets keep their state over a restart and go on', async () => {
  const pids = [alice.pid, bob.pid] as number[]
  const received = await spendable(bob)
  const paid = await invoice(bob, 77n)
  const open = await invoice(bob, 78n)
  succeeded(await alice.pay(paid.bolt11, FEELESS), paid)
  await untilBalance(bob, received + 77n)
  const held = await Promise.all([alice, bob].map(spendable))
  await Promise.all([alice.close(), bob.close()])
  await Promise.all(pids.map(ended))
  await assert.rejects(alice.balance(), refusedWith('WALLET_CLOSED', 1))
  const onDisk = await Promise.all([alice.dir, bob.dir].map(dir => PlayWallet.readBalance(dir)))

  ;[alice, bob] = await Promise.all([group.wallet('alice'), group.wallet('bob')])
  assert.deepEqual(await Promise.all([alice.balance(), bob.balance()]), onDisk)
  assert.deepEqual(await Promise.all([alice, bob].map(spendable)), held)
  succeeded(await alice.payment(paid.paymentHash), paid)
  assert.equal((await bob.invoice(paid.paymentHash)).status, 'settled')
  await group.join(alice, bob)
  await alice.reach(bob.nodeId, 78n, 20_000)
  succeeded(await alice.pay(open.bolt11, FEELESS), open)
})

test('a second process on the same folder is refused', async () => {
  const second = new PlayWallet({ dir: alice.dir })
  try {
    await assert.rejects(second.ready(), refusedWith('WALLET_BUSY', 2))
    await assert.rejects(second.balance(), refusedWith('WALLET_BUSY', 2))
  } finally {
    await second.close()
  }
})

test('a damaged folder is reported and not changed', async () => {
  const dir = group.folder('damaged')
  await PlayWallet.create(dir)
  fs.truncateSync(path.join(dir, 'seed'), 10)
  const wallet = new PlayWallet({ dir })
  await assert.rejects(wallet.ready(), refusedWith('WALLET_CORRUPT', 2))
  await wallet.close()
  assert.equal(fs.statSync(path.join(dir, 'seed')).size, 10)
})

test('the funds in a channel to a node that is away are used for another node', async () => {
  const [payer, gone, next] = await Promise.all([
    group.wallet('payer', 16_000n * SAT),
    group.wallet('gone'),
    group.wallet('next')
  ])
  const [near, far] = await group.connection()
  linkLightning(near, payer)
  linkLightning(far, gone)
  const first = await invoice(gone, 10n * SAT)
  await payer.reach(gone.nodeId, 10n * SAT, 20_000)
  succeeded(await payer.pay(first.bolt11, FEELESS), first)
  await group.join(payer, next)
  await assert.rejects(payer.reach(next.nodeId, 10n * SAT, 5_000), refusedWith('NO_BALANCE', 5))
  const spendableBefore = await spendable(payer)
  const second = await invoice(next, 10n * SAT)
  const away = once(near, 'close')
  near.destroy()
  await away
  await payer.reach(next.nodeId, 10n * SAT, 20_000)
  succeeded(await payer.pay(second.bolt11, FEELESS), second)
  assert.ok((await spendable(payer)) <= spendableBefore)
})

test('a payment that its payee has just claimed does not lock the channel of a payee that goes away', async () => {
  const [payer, next] = await Promise.all([group.wallet('hasty', 16_000n * SAT), group.wallet('following')])
  await group.join(payer, next)
  const gone = await group.wallet('leaving')
  const [near, far] = await group.connection()
  linkLightning(near, payer)
  linkLightning(far, gone)
  await payer.reach(gone.nodeId, 10n * SAT, 20_000)
  const due = await invoice(gone, 10n * SAT)
  const paid = payer.pay(due.bolt11, FEELESS)
  // The payee goes as soon as the payer knows the preimage: what settles the channel may be on its way still.
  await paid.then(() => {
    near.destroy()
    return once(near, 'close')
  })
  await payer.reach(next.nodeId, 10n * SAT, 20_000)
  // Both channels gave 2,000 sat to their other sides, and the open one keeps 1,000 sat as its reserve.
  assert.equal((await payer.balance()).spendableMsat, (16_000n - 10n - 2n * 2_000n - 1_000n) * SAT)
})
