import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Death } from '../../../../src/lightning/backends/play/calls.js'
import { LightningProcess } from '../../../../src/lightning/backends/play/process.js'
import type { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'
import type { WalletCondition } from '../../../../src/lightning/wallet.js'
import { noPoint } from '../../../samples/people.js'
import { WalletGroup, FEELESS, SAT, invoice, spendable, succeeded } from './wallets.js'

const group = new WalletGroup()
let alice: PlayWallet
let bob: PlayWallet

before(async () => {
  ;[alice, bob] = await group.pair(1_000n * SAT)
})
after(() => group.destroy())

/** Resolves when the wallet reaches this state. */
async function stands(wallet: PlayWallet, state: WalletCondition['state']): Promise<WalletCondition> {
  for (;;) {
    const now = await wallet.condition()
    if (now.state === state) return now
    await once(wallet, 'condition')
  }
}

/** Stops the process, and resolves once it stands still and answers nothing. */
async function freeze(wallet: PlayWallet): Promise<void> {
  const { pid } = wallet
  process.kill(pid!, 'SIGSTOP')
  if (process.platform !== 'linux') return
  while (!/^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'latin1'))) await setImmediate()
}

/** Makes a stopped process end by itself, as after a fault in native code. */
function crash(wallet: PlayWallet): void {
  process.kill(wallet.pid!, 'SIGSEGV')
  process.kill(wallet.pid!, 'SIGCONT')
}

test('LDK panics on a node id that is not a point, and the process names the call before it ends', async () => {
  let died: (death: Death) => void
  const death = new Promise<Death>(resolve => (died = resolve))
  const running = new LightningProcess({
    opening: () => ({ type: 'open', dir: group.folder('panic'), grantMsat: SAT, settledAfter: null }),
    onup: () => {
      running.send({ type: 'call', id: 6, call: { name: 'balance', args: [] } })
      running.send({ type: 'call', id: 7, call: { name: 'canReceive', args: [noPoint(), 1n] } })
    },
    onmessage: () => undefined,
    ondown: found => died(found),
    onfailed: error => assert.fail(error)
  })
  running.start()
  const { calls, outside, reason } = await death
  await running.close()
  assert.deepEqual([calls, outside], [[7], false])
  assert.match(reason, /panic/i)
})

test('a node id that is not a point never reaches the process', async () => {
  const { pid } = alice
  const id = noPoint()
  await assert.rejects(alice.canReceive(id, 1n), { code: 'NO_ROUTE' })
  await assert.rejects(alice.reach(id, 1n, 1_000), { code: 'NO_ROUTE' })
  await assert.rejects(alice.abandon(id, { id: 'x', deltaMsat: 0n }), { code: 'NO_ROUTE' })
  await alice.attach(new PassThrough(), { nodeId: id, outbound: true }).closed
  await alice.balance()
  assert.equal(alice.pid, pid)
})

test('a call that kills the process fails and is not repeated, and other calls are', async () => {
  const conditions: WalletCondition[] = []
  const note = (condition: WalletCondition): unknown => conditions.push(condition)
  alice.on('condition', note)
  const fatal = alice.invoice(undefined as unknown as Buffer)
  const others = [alice.balance(), alice.canReceive(bob.nodeId, 1n), alice.history()]
  await assert.rejects(fatal, { code: 'WALLET_FAILED', message: /not tried again/ })
  await Promise.all(others)
  await alice.balance()
  alice.off('condition', note)
  assert.deepEqual(
    conditions.map(({ state }) => state),
    ['starting', 'working']
  )
  assert.match(conditions[0]!.reason, /undefined/)
})

test('when the process ends without a last message, none of its calls is repeated', async () => {
  await freeze(alice)
  const [one, two] = [alice.balance(), alice.history()]
  crash(alice)
  await assert.rejects(one, { code: 'WALLET_FAILED', message: /SIGSEGV/ })
  await assert.rejects(two, { code: 'WALLET_FAILED' })
  await alice.balance()
})

test('a payment that was not sent before the process died fails and can be repeated', async () => {
  const due = await invoice(bob, 5n)
  await freeze(alice)
  const paying = alice.pay(due.bolt11, FEELESS)
  crash(alice)
  await assert.rejects(paying, { code: 'WALLET_FAILED' })
  assert.deepEqual(await alice.payment(due.paymentHash), { status: 'unknown' })
  assert.deepEqual(await bob.invoice(due.paymentHash), { status: 'open' })
  await alice.reach(bob.nodeId, 5n, 20_000)
  succeeded(await alice.pay(due.bolt11, FEELESS), due)
})

test('a call is repeated after a kill from outside, and fails after several kills', async () => {
  let kills = 0
  const kill = ({ state }: WalletCondition): void => {
    if (state !== 'working') return
    process.kill(alice.pid!, 'SIGKILL')
    kills++
  }
  await freeze(alice)
  const first = alice.balance()
  kill({ state: 'working', reason: '' })
  await first

  kills = 0
  alice.on('condition', kill)
  await freeze(alice)
  const asked = alice.balance()
  kill({ state: 'working', reason: '' })
  await assert.rejects(asked, { code: 'WALLET_FAILED', message: /SIGKILL/ })
  alice.off('condition', kill)
  assert.equal(kills, 3)
  await alice.balance()
})

test('a process that keeps ending puts the wallet down with the reason, and is restarted each time', async () => {
  const carol = await group.wallet('carol')
  await group.join(carol, bob)
  const faults: unknown[] = []
  carol.on('fault', error => faults.push(error))
  for (let death = 1; death <= 6; death++) {
    const { pid } = carol
    crash(carol)
    await once(carol, 'condition')
    const { state, reason } = await carol.condition()
    assert.match(reason, /SIGSEGV/)
    assert.equal(state, death < 4 ? 'starting' : 'down')
    if (state === 'down') {
      await assert.rejects(carol.balance(), { code: 'WALLET_GONE', message: /SIGSEGV/ })
      await assert.rejects(carol.pay((await invoice(bob, 1n)).bolt11, FEELESS), { code: 'WALLET_GONE' })
    }
    assert.deepEqual(await stands(carol, 'working'), { state: 'working', reason: '' })
    assert.notEqual(carol.pid, pid)
  }
  assert.equal(faults.length, 3)
  assert.ok((await spendable(carol)) > 0n)
  // The connection to the peer has lasted, and Lightning resumes on it.
  await carol.reach(bob.nodeId, SAT, 20_000)
  const due = await invoice(bob, 3n)
  succeeded(await carol.pay(due.bolt11, FEELESS), due)
})
