import { KeyedTokenBuckets } from '../../base/token-bucket.js'
import { KIB, MIB } from '../../../contracts/money/quantity.js'

/**
 * What the log of a relay may grow by, bytes: 20,000 records at once and one a second, as relays take them, with what a log
 * has beside each, and room to spare.
 */
export const RELAY_LOG = { burst: 64 * MIB, perSecond: 8 * KIB } as const

/** More relays than a market has. */
const MOST_RELAYS = 4096

/** A core that a relay writes to; its length is what the relay has signed, whether or not the blocks are here. */
export interface WriterCore {
  readonly key: Buffer
  readonly byteLength: number
}

export interface RelayVolumesOptions {
  writers: () => Iterable<WriterCore>
  /** The devices of the relays, hex, with the keys of their cores. */
  relays: () => ReadonlyMap<string, Buffer>
  /** Ends the part of a relay in the market. */
  expel: (device: Buffer) => Promise<void>
  now: () => number
}

/** The founder's watch over how much its relays write: all members fetch it, so one could fill the disks of all. */
export class RelayVolumes {
  readonly #options: RelayVolumesOptions
  readonly #rates: KeyedTokenBuckets
  /** Bytes of each core when it was looked at last, by key in hex. */
  readonly #bytes = new Map<string, number>()
  readonly #expelled = new Set<string>()
  /** Cores of the relays of an earlier run of the node, by key in hex: what they have written is not counted again. */
  #earlier: ReadonlySet<string> | null = null

  constructor(options: RelayVolumesOptions) {
    this.#options = options
    this.#rates = new KeyedTokenBuckets(RELAY_LOG, MOST_RELAYS, options.now)
  }

  /** Expels each relay that has written too much since the last look. */
  async look(): Promise<void> {
    const { writers, relays, expel } = this.#options
    const devices = new Map([...relays()].map(([device, writer]) => [writer.toString('hex'), device]))
    this.#earlier ??= new Set(devices.keys())
    const over: string[] = []
    for (const { key, byteLength } of writers()) {
      const id = key.toString('hex')
      const device = devices.get(id)
      const before = this.#bytes.get(id) ?? (this.#earlier.has(id) ? byteLength : 0)
      this.#bytes.set(id, byteLength)
      if (device === undefined || byteLength <= before || this.#expelled.has(id)) continue
      if (this.#rates.charge(key, byteLength - before)) continue
      this.#expelled.add(id)
      over.push(device)
    }
    for (const device of over) await expel(Buffer.from(device, 'hex'))
  }
}
