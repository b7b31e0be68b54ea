import { ClnWallet } from '../../../src/lightning/backends/cln/wallet.js'
import { startLightningd } from '../../doubles/lightningd/start.js'
import type { Lightningd } from '../../doubles/lightningd/start.js'
import { Children } from '../../world/children.js'
import { settlement } from './settlement.js'
import type { Side } from './settlement.js'

const CAPACITY = 10_000_000n

/** A Core Lightning wallet on a fake lightningd of its own; its pay index outlives it, as in a home. */
class ClnSide implements Side {
  readonly node: Lightningd
  wallet!: ClnWallet
  #index = 0n

  constructor(node: Lightningd) {
    this.node = node
  }

  async reopen(): Promise<void> {
    const { socket, nodeId, network } = this.node
    const set = async (index: bigint): Promise<void> => void (this.#index = index)
    const payIndex = { get: () => this.#index, set }
    this.wallet = new ClnWallet({ socket, nodeId, network, payIndex, pollMs: 20 })
    await this.wallet.ready()
  }

  async hold(): Promise<void> {
    await this.node.behave({ hold: true })
  }

  async release(): Promise<void> {
    await this.node.behave({ hold: false })
  }

  async crash(): Promise<void> {
    await this.node.restart()
  }

  async close(): Promise<void> {
    await this.wallet.close()
  }
}

settlement(async () => {
  let end: () => unknown = () => undefined
  const children = await Children.open({ after: work => (end = work) })
  const nodes = await Promise.all(
    ['a', 'b'].map(name => startLightningd(children, { dir: children.at(name), folder: children.dir }))
  )
  const [a, b] = nodes as [Lightningd, Lightningd]
  await a.channel(b, CAPACITY, CAPACITY / 2n)
  const [payer, payee] = [new ClnSide(a), new ClnSide(b)]
  await Promise.all([payer.reopen(), payee.reopen()])
  const close = async (): Promise<void> => {
    await Promise.all([payer.close(), payee.close()])
    await end()
  }
  return { payer, payee, close }
})
