/**
 * A child process that holds a wallet and can be killed: opens the folder, pays the invoices it gets, and
 * reports each payment.
 */
import HyperDHT from 'hyperdht'
import { linkLightning } from '../../../../src/lightning/backends/play/link.js'
import { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'

export interface ToHolder {
  bootstrap: { host: string; port: number }[]
  server: Buffer
  nodeId: Buffer
  invoices: string[]
}

export type FromHolder = { type: 'ready'; pid: number } | { type: 'paid' }

async function main(dir: string): Promise<void> {
  const wallet = new PlayWallet({ dir })
  await wallet.ready()
  const tell = (message: FromHolder): boolean | undefined => process.send?.(message)
  process.once('message', (order: ToHolder) => void work(wallet, order, tell))
  tell({ type: 'ready', pid: wallet.pid as number })
}

async function work(
  wallet: PlayWallet,
  { bootstrap, server, nodeId, invoices }: ToHolder,
  tell: (message: FromHolder) => unknown
): Promise<void> {
  const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
  linkLightning(dht.connect(server), wallet)
  await wallet.reach(nodeId, 1_000n, 20_000)
  const pay = async (invoice: string): Promise<void> => {
    const state = await wallet.pay(invoice, { maxFeeMsat: 0n, timeoutMs: 20_000 })
    if (state.status === 'succeeded') tell({ type: 'paid' })
  }
  await Promise.all(invoices.map(pay))
}

const [, , dir] = process.argv
if (dir) await main(dir)
