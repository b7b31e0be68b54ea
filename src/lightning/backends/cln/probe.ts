import type { WalletProbe } from '../../backend.js'
import { balanceOf, liquidityOf, syncOf } from './answers.js'
import { ClnNode } from './node.js'

/** Identity, balance and condition of a node, before it is connected. */
export interface ClnProbe extends Omit<WalletProbe, 'realMoney'> {
  nodeId: Buffer
  version: string
  blockheight: number
}

/** Reads a node's identity and balance. Rejects with WALLET_UNREACHABLE or WALLET_TIMEOUT. */
export async function probeNode(socket: string, timeoutMs = 5_000): Promise<ClnProbe> {
  const node = new ClnNode({ socket, timeoutMs })
  try {
    const info = await node.info()
    const { network, alias = '', version = '', blockheight } = info
    const channels = await node.channels()
    const balance = { ...balanceOf(network, channels), ...liquidityOf(channels) }
    const nodeId = Buffer.from(info.id, 'hex')
    return { ...balance, nodeId, alias, version, blockheight, syncing: syncOf(info) }
  } finally {
    node.close()
  }
}
