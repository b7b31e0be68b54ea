import { EventEmitter } from 'node:events'
import HyperDHT from 'hyperdht'
import type { NoiseStream, Server } from 'hyperdht'

/** True when a connection is refused. */
type Firewall = (device: Buffer, payload: object, from: { host: string; port: number }) => boolean

interface ServerOptions {
  firewall?: Firewall
}

/** A DHT that tells of devices nobody knows; the swarm keeps the error of a connection to itself and tries again. */
export class TellingDht extends HyperDHT {
  /** Emits the device in hex when a lookup of it has ended and no node knows where it is. */
  readonly unknown = new EventEmitter().setMaxListeners(0)

  /** Whether a device that connects from this host is answered. */
  readonly #admits: (device: Buffer, host: string) => boolean

  constructor(options: object, admits: (device: Buffer, host: string) => boolean) {
    super(options)
    this.#admits = admits
  }

  /** The swarm's own firewall is not told of the address, and bans for good. */
  override createServer(options: ServerOptions, listener: (stream: NoiseStream) => void): Server {
    const firewall: Firewall = (device, payload, from) =>
      !this.#admits(device, from.host) || (options.firewall?.(device, payload, from) ?? false)
    return super.createServer({ ...options, firewall }, listener)
  }

  override connect(device: Buffer, options?: object): NoiseStream {
    const stream = super.connect(device, options)
    stream.on('error', (error: { code?: string }) => {
      if (error.code === 'PEER_NOT_FOUND') this.unknown.emit(device.toString('hex'))
    })
    return stream
  }
}
