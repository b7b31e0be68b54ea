import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { BOUNDS } from '../../../../src/base/bounds/bounds.js'
import { linkLightning } from '../../../../src/lightning/backends/play/link.js'
import type { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'
import { BareNode, streamPair } from './bare-node.js'
import { FEELESS, SAT, WalletGroup, invoice, succeeded } from './wallets.js'

const group = new WalletGroup()
after(() => group.destroy())

/** A wallet whose partners are the devices of this set, in hex. */
async function seller(name: string): Promise<{ wallet: PlayWallet; partners: Set<string> }> {
  const wallet = await group.wallet(name)
  const partners = new Set<string>()
  wallet.knowPartners(device => partners.has(device.toString('hex')))
  return { wallet, partners }
}

/** Connects two wallets; returns the device of the first, and how to end the connection. */
async function connect(from: PlayWallet, to: PlayWallet): Promise<{ device: string; cut: () => void }> {
  const [near, far] = await group.connection()
  linkLightning(near, from)
  linkLightning(far, to)
  return { device: far.remotePublicKey.toString('hex'), cut: () => near.destroy() }
}

async function unused(wallet: PlayWallet): Promise<number> {
  return (await wallet.used()).unusedChannels!
}

test('strangers open no channels by the dozen, and a buyer with an agreement is served meanwhile', async () => {
  const { wallet, partners } = await seller('seller')
  const stranger = await BareNode.open(group.folder('stranger'))
  const [near, far] = streamPair()
  wallet.attach(far, { nodeId: stranger.node.engine.nodeId, outbound: false, owner: randomBytes(32) })
  await stranger.join(near, wallet.nodeId, true)
  const before = await wallet.balance()
  const attack = async (): Promise<void> => {
    for (let i = 0; i < 24; i++) assert.match(await stranger.channel(wallet.nodeId), /no agreement/)
    for (let i = 0; i < 12; i++)
      assert.match(await stranger.channel(wallet.nodeId, { push: 50n }), /more money would be pushed/)
  }
  const attacked = attack()
  const buyer = await group.wallet('buyer')
  const { device } = await connect(buyer, wallet)
  partners.add(device)
  await buyer.reach(wallet.nodeId, 5n * SAT, 20_000)
  const due = await invoice(wallet, 5n * SAT)
  succeeded(await buyer.pay(due.bolt11, FEELESS), due)
  await attacked
  assert.equal(stranger.channels, 0)
  assert.equal(await unused(wallet), 0)
  assert.ok((await wallet.balance()).spendableMsat - before.spendableMsat < 10_000n * SAT)
  stranger.close()
})

test('who has no agreement is told so when it wants to pay', async () => {
  const { wallet } = await seller('told')
  const payer = await group.wallet('payer')
  await connect(payer, wallet)
  await assert.rejects(payer.reach(wallet.nodeId, 5n * SAT, 20_000), {
    code: 'NO_ROUTE',
    message: /it refused the channel: no agreement/
  })
})

test('a channel is closed when its agreement is over and nothing was paid, and stays once it was used', async () => {
  const { wallet, partners } = await seller('tidy')
  const buyer = await group.wallet('client')
  const { device, cut } = await connect(buyer, wallet)
  const { spendableMsat: all } = await buyer.balance()
  partners.add(device)
  await buyer.reach(wallet.nodeId, 5n * SAT, 20_000)
  await wallet.closeUnused()
  assert.equal(await unused(wallet), 1)
  partners.clear()
  await wallet.closeUnused()
  assert.equal(await unused(wallet), 0)
  const due = await invoice(wallet, 5n * SAT)
  await assert.rejects(buyer.reach(wallet.nodeId, 5n * SAT, 20_000), { code: 'NO_ROUTE' })
  assert.ok(all - (await buyer.balance()).spendableMsat < 5_000n * SAT, 'its money came back')

  partners.add(device)
  await buyer.reach(wallet.nodeId, 5n * SAT, 20_000)
  succeeded(await buyer.pay(due.bolt11, FEELESS), due)
  partners.clear()
  await wallet.closeUnused()
  const more = await invoice(wallet, 6n * SAT)
  succeeded(await buyer.pay(more.bolt11, FEELESS), more)

  // The closed channel left nothing behind that a start would miss.
  cut()
  await wallet.close()
  const again = await group.wallet('tidy')
  again.knowPartners(() => false)
  await connect(buyer, again)
  await buyer.reach(again.nodeId, 7n * SAT, 20_000)
  const last = await invoice(again, 7n * SAT)
  succeeded(await buyer.pay(last.bolt11, FEELESS), last)
})

test('an invoice for anyone is paid by a stranger', async () => {
  const { wallet } = await seller('shop')
  const payer = await group.wallet('passer-by')
  await connect(payer, wallet)
  const preimage = randomBytes(32)
  const request = { preimage, msat: 5n * SAT, description: 'tea', expirySeconds: 3600, forAnyone: true }
  const bolt11 = await wallet.issue(request)
  await payer.reach(wallet.nodeId, 5n * SAT, 20_000)
  const paid = await payer.pay(bolt11, FEELESS)
  assert.equal(paid.status, 'succeeded')
  await assert.rejects(payer.reach(wallet.nodeId, 400_000n * SAT, 20_000), { code: 'NO_ROUTE' })
})

test('unused channels are few for a peer, and the oldest gives way to a new one', async () => {
  const most = 10
  const node = await BareNode.open(group.folder('few'), { most })
  const openers: BareNode[] = []
  for (let i = 0; i < 2; i++) {
    const opener = await BareNode.open(group.folder(`opener${i}`))
    openers.push(opener)
    const [near, far] = streamPair()
    await Promise.all([
      node.join(far, opener.node.engine.nodeId, false, randomBytes(32)),
      opener.join(near, node.node.engine.nodeId, true)
    ])
    const { peer } = BOUNDS.unusedChannels
    for (let n = 0; n < peer; n++) assert.equal(await opener.channel(node.node.engine.nodeId), 'ready')
    assert.match(await opener.channel(node.node.engine.nodeId), /too many channels/)
  }
  assert.equal(node.inbound.unused().count, most)
  const [first, second] = openers as [BareNode, BareNode]
  await first.node.until(() => first.channels === 2, 10_000)
  assert.deepEqual([first.channels, second.channels], [2, 8])
  assert.equal(node.node.store.monitors().length, most)
  for (const one of [node, ...openers]) one.close()
})
