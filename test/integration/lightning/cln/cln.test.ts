import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { probeNode } from '../../../../src/lightning/backends/cln/probe.js'
import { ClnWallet } from '../../../../src/lightning/backends/cln/wallet.js'
import { checkInvoice } from '../../../../src/lightning/invoice.js'
import { Children } from '../../../world/children.js'
import { lightningId } from '../../../samples/people.js'
import { startLightningd } from '../../../doubles/lightningd/start.js'
import type { Lightningd } from '../../../doubles/lightningd/start.js'
import { recordedIn, shapeFault } from '../../../doubles/lightningd/shape.js'
import type { WalletCondition } from '../../../../src/lightning/wallet.js'

const FEE = { maxFeeMsat: 5_000n, timeoutMs: 10_000 }
const CAPACITY = 1_000_000_000n

/** A pay index in memory; the node keeps it on disk. */
class Index {
  value = 0n
  get(): bigint {
    return this.value
  }
  async set(value: bigint): Promise<void> {
    this.value = value
  }
}

const children = await Children.open({ after })
let alice: Lightningd
let bob: Lightningd
let payer: ClnWallet
let payee: ClnWallet

before(async () => {
  alice = await startLightningd(children, { dir: children.at('a'), folder: children.dir })
  bob = await startLightningd(children, { dir: children.at('b'), folder: children.dir })
  await alice.channel(bob, CAPACITY, CAPACITY / 2n)
  payer = walletOf(alice)
  payee = walletOf(bob)
  await Promise.all([payer.ready(), payee.ready()])
})

children.beforeEnd(() => Promise.all([payer.close(), payee.close()]))

function walletOf({ socket }: Lightningd, index = new Index()): ClnWallet {
  return new ClnWallet({ socket, payIndex: index, pollMs: 20, timeoutMs: 5_000 })
}

interface Issued {
  preimage: Buffer
  hash: Buffer
  bolt11: string
  label: string
}

async function issue(wallet: ClnWallet, msat: bigint, expirySeconds = 3600): Promise<Issued> {
  const preimage = randomBytes(32)
  const label = `bushel/${randomBytes(8).toString('hex')}/installment/0/0`
  const bolt11 = await wallet.issue({ preimage, msat, description: 'a test', expirySeconds, label })
  return { preimage, hash: createHash('sha256').update(preimage).digest(), bolt11, label }
}

test('a payment is made, reported to the payee, and found in the records of both', async () => {
  const before = await payer.balance()
  const invoice = await issue(payee, 25_000n)
  checkInvoice(invoice.bolt11, {
    network: 'regtest',
    paymentHash: invoice.hash,
    msat: 25_000n,
    payee: payee.nodeId,
    description: 'a test',
    now: Date.now()
  })
  const settled = once(payee, 'settled') as Promise<[Buffer, bigint]>
  const state = await payer.pay(invoice.bolt11, FEE)
  assert.deepEqual(state, { status: 'succeeded', preimage: invoice.preimage, feeMsat: 0n })
  const [hash, msat] = await settled
  assert.deepEqual(hash, invoice.hash)
  assert.equal(msat, 25_000n)
  assert.deepEqual(await payer.payment(invoice.hash), state)
  assert.equal((await payee.invoice(invoice.hash)).status, 'settled')
  assert.equal(before.spendableMsat - (await payer.balance()).spendableMsat, 25_000n)
  const sent = (await payer.history()).find(record => record.paymentHash.equals(invoice.hash))!
  const received = (await payee.history()).find(record => record.paymentHash.equals(invoice.hash))!
  assert.deepEqual([sent.direction, sent.msat, sent.status], ['sent', 25_000n, 'succeeded'])
  assert.deepEqual([received.direction, received.msat, received.description], ['received', 25_000n, 'a test'])
  assert.deepEqual(received.preimage, invoice.preimage)
})

test('the same intent gives the same invoice again, by its label and by its preimage', async () => {
  const { preimage, bolt11, label } = await issue(payee, 1_000n)
  const again = { preimage, msat: 1_000n, description: 'a test', expirySeconds: 3600 }
  assert.equal(await payee.issue({ ...again, label }), bolt11)
  assert.equal(await payee.issue({ ...again, label: label + '/another' }), bolt11)
  await assert.rejects(payee.issue({ ...again, msat: 2_000n, label }), { code: 'WALLET_FAILED' })
  await assert.rejects(payee.issue({ ...again, preimage: randomBytes(32), label }), { code: 'WALLET_FAILED' })
})

test('paying twice pays once', async () => {
  const { bolt11, preimage } = await issue(payee, 3_000n)
  const before = (await payer.balance()).spendableMsat
  const states = await Promise.all([payer.pay(bolt11, FEE), payer.pay(bolt11, FEE)])
  states.push(await payer.pay(bolt11, FEE))
  for (const state of states) assert.deepEqual(state, { status: 'succeeded', preimage, feeMsat: 0n })
  assert.equal(before - (await payer.balance()).spendableMsat, 3_000n)
})

test('a refused invoice can no longer be paid, and a paid one can no longer be refused', async () => {
  const refused = await issue(payee, 1_000n)
  assert.equal((await payee.refuse(refused.hash)).status, 'refused')
  assert.equal((await payee.refuse(refused.hash)).status, 'refused')
  const state = await payer.pay(refused.bolt11, FEE)
  assert.equal(state.status, 'failed')
  assert.match(state.status === 'failed' ? state.reason : '', /203/)
  const paid = await issue(payee, 1_000n)
  await payer.pay(paid.bolt11, FEE)
  assert.equal((await payee.refuse(paid.hash)).status, 'settled')
})

test('an expired, unreachable or too large payment fails with the reason and pays nothing', async () => {
  const before = (await payer.balance()).spendableMsat
  const short = await issue(payee, 1_000n, 1)
  await new Promise(resolve => setTimeout(resolve, 1_100))
  const expired = await payer.pay(short.bolt11, FEE)
  assert.match(expired.status === 'failed' ? expired.reason : '', /expired/)
  const large = await payer.pay((await issue(payee, CAPACITY * 2n)).bolt11, FEE)
  assert.match(large.status === 'failed' ? large.reason : '', /no route/)
  await assert.rejects(payer.reach(payee.nodeId, CAPACITY, 5_000), { code: 'NO_BALANCE' })
  // Without a channel that gossip tells of, an invoice alone can say whether there is a way.
  await payer.reach(lightningId(), 1_000n, 5_000)
  await payer.reach(payee.nodeId, 1_000n, 5_000)
  assert.equal((await payer.balance()).spendableMsat, before)
})

test('a hanging payment is pending, is not sent again, and reaches its outcome', async () => {
  const { bolt11, hash, preimage } = await issue(payee, 4_000n)
  await bob.behave({ hold: true })
  const first = await payer.pay(bolt11, { ...FEE, timeoutMs: 300 })
  assert.equal(first.status, 'pending')
  assert.equal((await payer.payment(hash)).status, 'pending')
  const second = payer.pay(bolt11, FEE)
  await bob.behave({ hold: false })
  assert.deepEqual(await second, { status: 'succeeded', preimage, feeMsat: 0n })
})

test('a payment whose payer lightningd is killed is made once and found after the restart', async () => {
  const { bolt11, hash, preimage } = await issue(payee, 5_000n)
  const before = (await payer.balance()).spendableMsat
  await bob.behave({ hold: true })
  const paying = payer.pay(bolt11, { ...FEE, timeoutMs: 20_000 })
  while ((await payer.payment(hash)).status !== 'pending') await new Promise(resolve => setImmediate(resolve))
  await alice.kill()
  await assert.rejects(payer.payment(hash), { code: 'WALLET_UNREACHABLE' })
  assert.deepEqual(
    await payer.pay(bolt11, { ...FEE, timeoutMs: 1 }).catch(error => (error as { code: string }).code),
    'WALLET_UNREACHABLE'
  )
  await bob.behave({ hold: false })
  await alice.start()
  assert.deepEqual(await paying, { status: 'succeeded', preimage, feeMsat: 0n }, 'it was waited for')
  const again = await payer.pay(bolt11, FEE)
  assert.deepEqual(again, { status: 'succeeded', preimage, feeMsat: 0n })
  assert.equal(before - (await payer.balance()).spendableMsat, 5_000n)
})

test('a sent payment stays pending when lightningd does not come back', async () => {
  const { bolt11, hash } = await issue(payee, 5_000n)
  await bob.behave({ hold: true })
  const paying = payer.pay(bolt11, { ...FEE, timeoutMs: 1_500 })
  while ((await payer.payment(hash)).status !== 'pending') await new Promise(resolve => setImmediate(resolve))
  await alice.kill()
  assert.equal((await paying).status, 'pending', 'nobody knows yet')
  await bob.behave({ hold: false })
  await alice.start()
  assert.equal((await payer.pay(bolt11, FEE)).status, 'succeeded')
})

test('a payee whose lightningd was killed learns of missed payments from the stored index', async () => {
  const index = new Index()
  const follower = walletOf(bob, index)
  const told: string[] = []
  follower.on('settled', (hash: Buffer) => told.push(hash.toString('hex')))
  await follower.ready()
  const first = await issue(payee, 1_000n)
  const second = await issue(payee, 1_000n)
  await payer.pay(first.bolt11, FEE)
  while (!told.includes(first.hash.toString('hex'))) await once(follower, 'settled')
  await follower.close()
  const stored = index.value
  await payer.pay(second.bolt11, FEE)
  await bob.restart()
  const next = walletOf(bob, index)
  const [hash] = (await Promise.all([once(next, 'settled'), next.ready()]))[0] as [Buffer]
  assert.deepEqual(hash, second.hash, 'not the first one again')
  while (index.value === stored) await new Promise(resolve => setImmediate(resolve))
  await next.close()
})

test('two hundred concurrent calls succeed', async () => {
  const issued = await Promise.all(Array.from({ length: 100 }, () => issue(payee, 1_000n)))
  const states = await Promise.all(issued.map(({ hash }) => payee.invoice(hash)))
  assert.equal(new Set(issued.map(({ bolt11 }) => bolt11)).size, 100)
  assert.ok(states.every(({ status }) => status === 'open'))
})

test('answers in odd pieces, late or cut off do no harm', async () => {
  await bob.behave({ pieces: 7, delayMs: 5 })
  const { hash } = await issue(payee, 1_000n)
  assert.equal((await payee.invoice(hash)).status, 'open')
  await bob.behave({ pieces: 0, delayMs: 0, cut: 'listinvoices' })
  await assert.rejects(payee.invoice(hash), { code: 'WALLET_GONE' })
  await bob.behave({ cut: '' })
  assert.equal((await payee.invoice(hash)).status, 'open')
})

test('a lost answer of `pay` says nothing: the records decide', async () => {
  const { bolt11, preimage } = await issue(payee, 6_000n)
  await alice.behave({ cut: 'pay' })
  assert.deepEqual(await payer.pay(bolt11, FEE), { status: 'succeeded', preimage, feeMsat: 0n })
  await alice.behave({ cut: '' })
})

test('a node out of sync with the chain pays nothing', async () => {
  const { bolt11, hash } = await issue(payee, 1_000n)
  await alice.behave({ syncing: 'Still loading latest blocks from bitcoind.' })
  const probe = await probeNode(alice.socket)
  assert.match(probe.syncing!, /Still loading/)
  const wallet = walletOf(alice)
  await wallet.ready()
  await assert.rejects(wallet.pay(bolt11, FEE), { code: 'WALLET_SYNCING' })
  assert.equal((await wallet.payment(hash)).status, 'unknown')
  await alice.behave({ syncing: '' })
  assert.equal((await wallet.pay(bolt11, FEE)).status, 'succeeded')
  await wallet.close()
})

test('an unresponsive node is reported in time as locked or busy', async () => {
  await alice.behave({ mute: 'getinfo' })
  await assert.rejects(probeNode(alice.socket, 200), { code: 'WALLET_TIMEOUT', exit: 5 })
  await alice.behave({ mute: '' })
})

test('another node or another network at the same path is refused', async () => {
  const payIndex = new Index()
  const { nodeId } = bob
  const wrongNode = new ClnWallet({ socket: alice.socket, nodeId, network: 'regtest', payIndex })
  await wrongNode.ready()
  await assert.rejects(wrongNode.balance(), { code: 'WRONG_NODE', exit: 5 })
  await wrongNode.close()
  const wrongNetwork = new ClnWallet({
    socket: alice.socket,
    nodeId: alice.nodeId,
    network: 'bitcoin',
    payIndex
  })
  await wrongNetwork.ready()
  const { bolt11, hash } = await issue(payee, 1_000n)
  await assert.rejects(wrongNetwork.pay(bolt11, FEE), { code: 'WRONG_NETWORK', exit: 5 })
  await wrongNetwork.close()
  assert.equal((await payee.invoice(hash)).status, 'open')
})

test('a wallet opens while lightningd is away and recovers when it is back', async () => {
  await alice.kill()
  const { socket, nodeId } = alice
  const wallet = new ClnWallet({ socket, nodeId, network: 'regtest', payIndex: new Index() })
  const told: string[] = []
  wallet.on('condition', ({ state }: WalletCondition) => told.push(state))
  await wallet.ready()
  assert.equal(wallet.network, 'regtest')
  for (let i = 0; i < 3; i++) await assert.rejects(wallet.balance(), { code: 'WALLET_UNREACHABLE' })
  await alice.start()
  assert.ok((await wallet.balance()).spendableMsat > 0n)
  await wallet.close()
  assert.deepEqual(told, ['down', 'working'], 'each change is told once')
})

test('the receivable amount is the balance of the other side of the channels', async () => {
  const { receivableMsat } = await payee.balance()
  assert.equal(await payee.canReceive(payer.nodeId, receivableMsat), true)
  assert.equal(await payee.canReceive(payer.nodeId, receivableMsat + 1n), false)
})

test('every answer of the fake lightningd has the keys and types of a recorded one', async () => {
  const file = fileURLToPath(
    new URL('../../../../../test/doubles/lightningd/cln-transcripts.jsonl', import.meta.url)
  )
  const recorded = recordedIn(await readFile(file, 'utf8'))
  const { bolt11, label, hash } = await issue(payee, 1_000n)
  const open = await issue(payee, 1_000n)
  await alice.call('pay', { bolt11 })
  const answers: [Lightningd, string, Record<string, unknown>][] = [
    [alice, 'getinfo', {}],
    [alice, 'listpays', { payment_hash: hash.toString('hex') }],
    [alice, 'listpeerchannels', {}],
    [alice, 'decode', { string: bolt11 }],
    [alice, 'getroute', { id: bob.nodeId.toString('hex'), amount_msat: 1000, riskfactor: 1 }],
    [alice, 'pay', { bolt11 }],
    [bob, 'invoice', { amount_msat: 1000, label: 'shape', description: 'x' }],
    [bob, 'listinvoices', { label }],
    [bob, 'waitanyinvoice', { lastpay_index: 0, timeout: 1 }],
    [bob, 'delinvoice', { label: open.label, status: 'unpaid' }]
  ]
  for (const [node, method, params] of answers) {
    assert.equal(shapeFault(recorded, method, await node.call(method, params)), null, method)
  }
  const errors: [string, Record<string, unknown>, number][] = [
    ['invoice', { amount_msat: 1000, label: 'shape', description: 'x' }, 900],
    ['invoice', { amount_msat: 1000 }, -32602],
    ['invoice', { amount_msat: 'lots', label: 'z', description: 'x' }, -32602],
    ['delinvoice', { label: 'none', status: 'unpaid' }, 905],
    ['delinvoice', { label, status: 'unpaid' }, 906],
    ['waitanyinvoice', { lastpay_index: 99_999, timeout: 0 }, 904],
    ['pay', { bolt11: 'lnbc1notaninvoice' }, -32602],
    ['nosuchmethod', {}, -32601]
  ]
  for (const [method, params, rpc] of errors) {
    await assert.rejects(bob.call(method, params), { rpc }, method)
    assert.ok(
      recorded.some(one => one.method === method && one.error?.code === rpc),
      `${method} ${rpc} is recorded`
    )
  }
})
