import { startLightningd } from '../doubles/lightningd/start.js'
import type { Lightningd } from '../doubles/lightningd/start.js'
import type { Up, World } from './world.js'

interface Records {
  pays: { payment_hash: string; status: string; amount_msat?: number }[]
  invoices: { payment_hash: string; status: string; label: string; bolt11: string }[]
  channels: { peer_id: string; to_us_msat: number }[]
}

/** Fake lightningds beside the homes of a world, under the same names; they end with the test. */
export class Lightning {
  readonly #world: World
  readonly #nodes = new Map<string, Lightningd>()

  constructor(world: World) {
    this.#world = world
  }

  at(name: string): Lightningd {
    return this.#nodes.get(name)!
  }

  async start(name: string, network = 'regtest'): Promise<Lightningd> {
    const folder = this.#world.at('ln')
    const node = await startLightningd(this.#world.processes, {
      dir: this.#world.at('ln', name),
      folder,
      network
    })
    this.#nodes.set(name, node)
    return node
  }

  /** A new home with a running node that is paid over a fake lightningd of its own. */
  async join(name: string, market: string): Promise<Up> {
    const { socket } = await this.start(name)
    await this.#world.home(name)
    await this.#world.ok(name, ['wallet', 'connect', 'cln', '--socket', socket])
    const up = await this.#world.up(name)
    await this.#world.ok(name, ['market', 'join', market])
    return up
  }

  /** The records of the fake lightningd itself. */
  async records(name: string): Promise<Records> {
    const node = this.at(name)
    const [pays, invoices, channels] = await Promise.all(
      ['listpays', 'listinvoices', 'listpeerchannels'].map(method => node.call(method))
    )
    return { ...(pays as object), ...(invoices as object), ...(channels as object) } as Records
  }

  /** Hash and amount of each payment that it made, as often as it was made. */
  async paid(name: string): Promise<{ hash: string; msat: bigint }[]> {
    const { pays } = await this.records(name)
    return pays
      .filter(({ status }) => status === 'complete')
      .map(({ payment_hash: hash, amount_msat: msat }) => ({ hash, msat: BigInt(msat!) }))
  }
}
