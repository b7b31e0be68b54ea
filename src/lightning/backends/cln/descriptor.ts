import type { WalletBackend } from '../../backend.js'
import { ledgerOf } from '../../backend.js'
import { CHAIN_NETWORKS, isRealMoney } from '../../networks.js'
import { path } from '../../settings.js'

const ID = 'cln'
const PAY_INDEX = 'pay-index'

const settings = {
  socket: path({
    required: true,
    help: "path of lightningd's socket, lightning-rpc",
    example: '~/.lightning/bitcoin/lightning-rpc'
  })
}

/** A Core Lightning node on this machine, over its socket. */
export const cln: WalletBackend<typeof settings> = {
  id: ID,
  title: 'Core Lightning',
  networks: CHAIN_NETWORKS,
  settings,
  ledgerName: node => ledgerOf(ID, node),
  async probe({ settings: { socket } }) {
    const { probeNode } = await import('./probe.js')
    const probe = await probeNode(socket)
    return { ...probe, realMoney: isRealMoney(probe.network) }
  },
  async load({ settings: { socket }, node, memory }) {
    const { ClnWallet } = await import('./wallet.js')
    const payIndex = {
      get: (): bigint => BigInt((memory.get(PAY_INDEX) ?? '0').toString()),
      set: (index: bigint): Promise<void> => memory.set(PAY_INDEX, Buffer.from(index.toString()))
    }
    return new ClnWallet({ socket, payIndex, ...(node ? { nodeId: node.id, network: node.network } : {}) })
  }
}
