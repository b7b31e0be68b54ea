import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import type { Liquidity } from '../../../../src/lightning/liquidity.js'
import { readSnapshot } from '../../../../src/lightning/backends/play/log/disk.js'
import type { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'
import { BareNode, streamPair } from './bare-node.js'
import { FEELESS, SAT, WalletGroup } from './wallets.js'

const group = new WalletGroup()
const payees: BareNode[] = []
after(async () => {
  for (const payee of payees) payee.close()
  await group.destroy()
})

/** A node that is paid, connected to the wallet and staying so. */
async function payee(wallet: PlayWallet, name: string): Promise<BareNode> {
  const node = await BareNode.open(group.folder(name))
  payees.push(node)
  const [near, far] = streamPair()
  wallet.attach(near, { nodeId: node.node.engine.nodeId, outbound: true, owner: randomBytes(32) })
  await node.join(far, wallet.nodeId, false)
  return node
}

async function pay(wallet: PlayWallet, to: BareNode, msat: bigint): Promise<void> {
  const preimage = randomBytes(32)
  const paymentHash = createHash('sha256').update(preimage).digest()
  await wallet.reach(to.node.engine.nodeId, msat, 20_000)
  const bolt11 = to.payments.issue({ preimage, msat, description: 'a test', expirySeconds: 3600 })
  const state = await wallet.pay(bolt11, FEELESS)
  assert.deepEqual([state.status, to.payments.invoice(paymentHash).status], ['succeeded', 'settled'])
}

test('the grant of a new wallet pays 32 sellers in turn, all of which stay, and the first one again', async () => {
  const wallet = await group.wallet('buyer')
  for (let i = 0; i < 32; i++) await pay(wallet, await payee(wallet, `seller-${i}`), 100n * SAT)
  await pay(wallet, payees[0]!, 5_000n * SAT)

  const { peers, largestMsat, newChannelMsat } = await wallet.liquidity()
  assert.equal(peers.length, 32)
  assert.ok(peers.every(({ usable, spendableMsat }) => usable && spendableMsat >= 5_000n * SAT))
  assert.ok(newChannelMsat >= 200_000n * SAT, String(newChannelMsat))
  assert.equal(largestMsat, newChannelMsat)
})

test('what a new channel carries can be paid in one payment, to the last sat', async () => {
  const wallet = await group.wallet('small', 20_000n * SAT)
  const { newChannelMsat, largestMsat } = await wallet.liquidity()
  assert.deepEqual([newChannelMsat, largestMsat], [11_000n * SAT, 11_000n * SAT])
  await pay(wallet, await payee(wallet, 'dear'), newChannelMsat)
})

test('an error says whether the balance is too small or lies with other nodes, and how much is where', async () => {
  const wallet = await group.wallet('bound', 40_000n * SAT)
  const [first, second] = [await payee(wallet, 'first'), await payee(wallet, 'second')]
  await pay(wallet, first, 12_000n * SAT)
  const { spendableMsat } = await wallet.balance()
  assert.ok(spendableMsat > 10_000n * SAT)

  const reach = (to: BareNode, msat: bigint): Promise<void> =>
    wallet.reach(to.node.engine.nodeId, msat, 20_000)
  await assert.rejects(reach(second, 10_000n * SAT), {
    code: 'NO_BALANCE',
    message:
      /^the balance lies elsewhere: 10 000 sat are needed; of 2\d \d\d\d.* 0 sat can be sent to this node and 0 sat over/
  })
  await assert.rejects(reach(second, 30_000n * SAT), {
    code: 'NO_BALANCE',
    message: /^the balance is too small/
  })

  const { peers, largestMsat } = await wallet.liquidity()
  assert.deepEqual(
    peers.map(({ peer, usable, channels }) => [peer, usable, channels]),
    [[first.node.engine.nodeId, true, 1]]
  )
  assert.equal(largestMsat, peers[0]!.spendableMsat)
  await pay(wallet, first, largestMsat)
})

test('who can be paid is told while no node runs, too', async () => {
  const wallet = await group.wallet('closed')
  const known = await payee(wallet, 'known')
  await pay(wallet, known, 100n * SAT)
  const lies = ({ peers, largestMsat, newChannelMsat }: Partial<Liquidity>): unknown[] => [
    [largestMsat, newChannelMsat],
    peers?.map(({ peer, channels, spendableMsat }) => [peer, channels, spendableMsat])
  ]
  const told = lies(await wallet.liquidity())
  await wallet.close()
  assert.deepEqual(lies((await readSnapshot(wallet.dir))!), told)
})
