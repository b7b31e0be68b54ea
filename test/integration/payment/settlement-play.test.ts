import type { PlayWallet } from '../../../src/lightning/backends/play/wallet.js'
import { WalletGroup } from '../lightning/play/wallets.js'
import { settlement } from './settlement.js'
import type { Side } from './settlement.js'

const ENOUGH = 10_000_000n

/** A play wallet; `hold` stops its Lightning process. */
class PlaySide implements Side {
  readonly #group: WalletGroup
  readonly #name: string
  wallet!: PlayWallet
  peer: PlaySide | null = null

  constructor(group: WalletGroup, name: string) {
    this.#group = group
    this.#name = name
  }

  async reopen(): Promise<void> {
    this.wallet = await this.#group.wallet(this.#name)
    if (this.peer) await this.#group.join(this.wallet, this.peer.wallet)
  }

  async hold(): Promise<void> {
    process.kill(this.wallet.pid!, 'SIGSTOP')
  }

  async release(): Promise<void> {
    process.kill(this.wallet.pid!, 'SIGCONT')
  }

  /** The wallet starts its process again by itself and answers when the channel is usable again. */
  async crash(): Promise<void> {
    if (this.wallet.pid !== undefined) process.kill(this.wallet.pid, 'SIGKILL')
    const { wallet, peer } = this
    await Promise.all([wallet.balance(), peer!.wallet.balance()])
    await Promise.all([
      wallet.reach(peer!.wallet.nodeId, 1_000n, 20_000),
      peer!.wallet.reach(wallet.nodeId, 1_000n, 20_000)
    ])
  }

  async close(): Promise<void> {
    await this.wallet.close()
  }
}

// Its process takes seconds to start, so that each step is hit once.
const moments = ['written' as const]

settlement(
  async () => {
    const group = new WalletGroup()
    const [payer, payee] = [new PlaySide(group, 'payer'), new PlaySide(group, 'payee')]
    await Promise.all([payer.reopen(), payee.reopen()])
    ;[payer.peer, payee.peer] = [payee, payer]
    await group.join(payer.wallet, payee.wallet)
    await payer.wallet.reach(payee.wallet.nodeId, ENOUGH, 20_000)
    return { payer, payee, close: () => group.destroy() }
  },
  { moments }
)
