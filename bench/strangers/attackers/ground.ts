import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import { parseKey } from '../../../contracts/keys/key.js'
import type { Address } from '../../../src/network/network.js'

/** A node that is attacked, with what any stranger can know of it. Keys in z-base-32. */
export interface Target {
  device: string
  market: string
  /** Whether it takes orders onto the book. */
  isRelay: boolean
  /** Its offers on the book. */
  ask?: string
  jobAsk?: string
  /** Of its jobs. */
  isolation?: string
}

export type Raw = NoiseStream & { rawStream: { write(bytes: Buffer): boolean; pause(): void } }

/** The messages of one Hypercore channel, each of which takes any number. */
export type Wire = Record<`wire${string}`, { send(message: object): void }>

/** What the attacks of one process share: a bare node of the DHT, and a store for the cores that strangers know. */
export class Ground {
  readonly dht: HyperDHT
  /** How long a connection stays at most that the node does not end, ms. */
  readonly #stayMs: number | null
  readonly #store: Corestore
  /** Connections that were tried, those that were made, and those that are open now. */
  tried = 0
  made = 0
  open = 0

  constructor(bootstrap: Address[], folder: string, stayMs: number | null) {
    this.#stayMs = stayMs
    this.dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
    this.#store = new Corestore(join(folder, `attacker-${randomBytes(8).toString('hex')}`))
  }

  /** A connection of a fresh key. Rejects when the node does not take it. */
  async dial({ device }: Target, keyPair: KeyPair = crypto.keyPair()): Promise<Raw> {
    const stream = this.dht.connect(parseKey(device), { keyPair }) as Raw
    stream.on('error', () => undefined)
    const isOpen = await stream.opened
    this.tried++
    if (!isOpen) throw new Error('no connection')
    this.made++
    this.open++
    const timer = this.#stayMs === null ? null : setTimeout(() => stream.destroy(), this.#stayMs)
    stream.once('close', () => {
      this.open--
      if (timer) clearTimeout(timer)
    })
    return stream
  }

  /** A connection on which the market's own core is replicated, as any stranger may. */
  async replica(target: Target): Promise<{ stream: Raw; mux: Protomux; wire: Wire }> {
    const stream = await this.dial(target)
    const mux = Protomux.from(stream)
    const core = this.#store.get({ key: parseKey(target.market) })
    await core.ready()
    const met = new Promise<Wire>((resolve, reject) => {
      const onpeer = (peer: Wire & { stream: unknown }): void => {
        if (peer.stream === mux.stream) resolve(peer)
      }
      core.on('peer-add', onpeer)
      stream.once('close', () => {
        core.off('peer-add', onpeer)
        void core.close()
        reject(new Error('it was cut off'))
      })
    })
    core.replicate(stream)
    return { stream, mux, wire: await met }
  }
}

/** Resolves when the node has ended the connection; what still comes is read and dropped. */
export function ended(stream: NoiseStream): Promise<void> {
  if (stream.destroyed) return Promise.resolve()
  stream.resume()
  return new Promise(resolve => stream.once('close', () => resolve()))
}

/** The same, and nothing that comes is read. */
export function endedUnread(stream: Raw): Promise<void> {
  if (stream.destroyed) return Promise.resolve()
  stream.rawStream.pause()
  Object.assign(stream.rawStream, { resume: () => stream.rawStream })
  return new Promise(resolve => stream.once('close', () => resolve()))
}

export function delay(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
