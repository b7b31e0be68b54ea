import type { Child } from '../../test/world/child.js'
import type { Lab } from '../../test/system/network/lab.js'
import { rate } from '../figure.js'
import { BUYER, SELLER } from './homes.js'
import type { BareEnd, BareOptions, BareOrder } from './bare-end.js'

const SCRIPT = new URL('./bare-end.js', import.meta.url)
const TCP_PORT = 40_000

/** The baselines between the homes of buyer and seller; all rates in MB/s. */
export class BarePair {
  readonly #lab: Lab
  readonly #ends: Record<string, { child: Child; keys: BareEnd }>

  private constructor(lab: Lab, ends: Record<string, { child: Child; keys: BareEnd }>) {
    this.#lab = lab
    this.#ends = ends
  }

  static async open(lab: Lab): Promise<BarePair> {
    const { processes } = lab.world
    const bootstrap = processes.bootstrap.split(',').map(address => {
      const [host, port] = address.split(':')
      return { host: host!, port: Number(port) }
    })
    const ends: Record<string, { child: Child; keys: BareEnd }> = {}
    for (const home of [BUYER, SELLER]) {
      const options: BareOptions = { folder: processes.at(`bare-${home}`), bootstrap, tcpPort: TCP_PORT }
      const child = lab.fork(home, SCRIPT, options)
      ends[home] = { child, keys: await child.next<BareEnd & Record<string, unknown>>() }
    }
    return new BarePair(lab, ends)
  }

  /** A Hypercore that `from` holds, fetched at the other home. */
  async core(from: string, blocks: number, bytes: number): Promise<number> {
    const core = await this.#ask<string>(from, { do: 'hold', blocks })
    const order: BareOrder = { do: 'fetch', core, blocks, from: this.#ends[from]!.keys.cores }
    return rate(bytes, await this.#ask<number>(otherThan(from), order))
  }

  /** Bytes over a stream of hyperdht, from the seller to the buyer. */
  async stream(bytes: number): Promise<number> {
    const order: BareOrder = { do: 'stream', bytes, from: this.#ends[SELLER]!.keys.bytes }
    return rate(bytes, await this.#ask<number>(BUYER, order))
  }

  /** Bytes over TCP, from the seller to the buyer. */
  async tcp(bytes: number): Promise<number> {
    const from = { host: this.#lab.addressOf(SELLER), port: TCP_PORT }
    return rate(bytes, await this.#ask<number>(BUYER, { do: 'tcp', bytes, from }))
  }

  #ask<T>(home: string, order: BareOrder): Promise<T> {
    return this.#ends[home]!.child.ask<T>(order)
  }
}

function otherThan(home: string): string {
  return home === BUYER ? SELLER : BUYER
}
