import { BushelError } from '../../../contracts/errors/error.js'
import type { MarketChannel } from '../peers/channel.js'
import { encodeOperation } from '../view/operation.js'
import type { Logger } from '../../base/logger.js'

/** Devices to admit as relays when they connect; stored on disk. */
export interface Admissions {
  list(): Buffer[]
  add(device: Buffer): Promise<void>
  delete(device: Buffer): Promise<void>
}

export interface AdministrationOptions {
  market: () => Buffer
  device: Buffer
  admissions: () => Admissions
  isRelay: (device: Buffer) => boolean
  /** The channel to a device, if it is connected. */
  present: (device: Buffer) => MarketChannel | null
  append: (operation: Buffer) => Promise<void>
  log: Logger
}

const KEY_BYTES = 32

/** The actions reserved to a market's founder. */
export class Administration {
  readonly #options: AdministrationOptions
  readonly #underWay = new Set<string>()

  constructor(options: AdministrationOptions) {
    this.#options = options
  }

  /** Admits a relay. True when done, false when it waits for the device to connect. */
  async admit(device: Buffer): Promise<boolean> {
    const { admissions, isRelay, present } = this.#options
    if (device.byteLength !== KEY_BYTES) throw badKey('a device key has 32 bytes')
    if (isRelay(device)) return true
    await admissions().add(device)
    const channel = present(device)
    if (!channel) return false
    await this.carryOut(channel)
    return true
  }

  /** Carries out a pending admission of a device that has just connected. */
  async carryOut({ device, hello }: MarketChannel): Promise<void> {
    const id = device.toString('hex')
    const { admissions, append } = this.#options
    const decided = admissions().list().some(known => known.equals(device)) // prettier-ignore
    if (!decided || !hello || this.#underWay.has(id)) return
    this.#underWay.add(id)
    try {
      await append(encodeOperation('admission', { device, writer: hello.writer, indexer: false }))
      await admissions().delete(device)
      this.#options.log.info('relay admitted', { market: this.#options.market(), peer: device })
    } finally {
      this.#underWay.delete(id)
    }
  }

  async ban(key: Buffer): Promise<void> {
    const { market, device, admissions, append } = this.#options
    if (key.byteLength !== KEY_BYTES) throw badKey('a key to ban has 32 bytes')
    if (key.equals(device) || key.equals(market())) throw badKey('the founder cannot be banned')
    await admissions().delete(key)
    await append(encodeOperation('ban', { key }))
    this.#options.log.info('banned from a market', { market: market(), peer: key })
  }
}

function badKey(message: string): BushelError {
  return new BushelError('BAD_KEY', message)
}
