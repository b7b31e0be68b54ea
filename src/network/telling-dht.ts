import { EventEmitter } from 'node:events'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'

/** A DHT that tells of devices nobody knows; the swarm keeps the error of a connection to itself and tries again. */
export class TellingDht extends HyperDHT {
  /** Emits the device in hex when a lookup of it has ended and no node knows where it is. */
  readonly unknown = new EventEmitter().setMaxListeners(0)

  override connect(device: Buffer, options?: object): NoiseStream {
    const stream = super.connect(device, options)
    stream.on('error', (error: { code?: string }) => {
      if (error.code === 'PEER_NOT_FOUND') this.unknown.emit(device.toString('hex'))
    })
    return stream
  }
}
