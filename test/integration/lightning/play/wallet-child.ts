/**
 * A child process that holds a wallet and can be killed: opens the folder, pays the invoices it gets, and
 * reports each payment.
 */
import HyperDHT from 'hyperdht'
import { linkLightning } from '../../../../src/lightning/backends/play/link.js'
import { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'
import { answerOrders, optionsOf, tell } from '../../../world/parent.js'

export interface ToHolder {
  bootstrap: { host: string; port: number }[]
  server: Buffer
  nodeId: Buffer
  invoices: string[]
}

export type FromHolder = { type: 'ready'; pid: number } | { type: 'paid' }

const tellTest = (message: FromHolder): void => tell(message)

async function main(dir: string): Promise<void> {
  const wallet = new PlayWallet({ dir })
  await wallet.ready()
  answerOrders((order: ToHolder) => work(wallet, order))
  tellTest({ type: 'ready', pid: wallet.pid as number })
}

async function work(wallet: PlayWallet, { bootstrap, server, nodeId, invoices }: ToHolder): Promise<void> {
  const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
  linkLightning(dht.connect(server), wallet)
  await wallet.reach(nodeId, 1_000n, 20_000)
  const pay = async (invoice: string): Promise<void> => {
    const state = await wallet.pay(invoice, { maxFeeMsat: 0n, timeoutMs: 20_000 })
    if (state.status === 'succeeded') tellTest({ type: 'paid' })
  }
  await Promise.all(invoices.map(pay))
}

await main(optionsOf<string>())
