import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import HyperDHT from 'hyperdht'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey } from '../../contracts/keys/key.js'

const HOST = '127.0.0.1'

/** The one node that a private network on this machine starts from: everybody else's `--bootstrap`. */
export class BootstrapNode extends ReadyResource {
  readonly #port: number | null
  #dht: HyperDHT | null = null

  /** Null: any port that is free. */
  constructor(port: number | null) {
    super()
    this.#port = port
  }

  get host(): string {
    return HOST
  }

  get port(): number {
    return this.#dht!.address().port
  }

  get device(): string {
    return formatKey(this.#dht!.defaultKeyPair.publicKey)
  }

  protected override async _open(): Promise<void> {
    const port = await freePort(this.#port)
    // Without the last argument it would bind every interface and report an address that cannot be dialled.
    this.#dht = HyperDHT.bootstrapper(port, HOST, { host: HOST })
    await this.#dht.fullyBootstrapped()
  }

  protected override async _close(): Promise<void> {
    await this.#dht?.destroy()
  }
}

/** The port, found free, or any free one; throws PORT_IN_USE. */
export async function freePort(wanted: number | null): Promise<number> {
  const socket = createSocket('udp4')
  try {
    socket.bind(wanted ?? 0, HOST)
    await once(socket, 'listening')
    return socket.address().port
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why =
      code === 'EADDRINUSE' ? 'it is in use' : code === 'EACCES' ? 'this user may not open it' : message
    throw new BushelError(
      'PORT_IN_USE',
      `port ${wanted} cannot be opened: ${why}`,
      'give another --port, or leave it out to use any free port'
    ).withCause(error)
  } finally {
    socket.close()
  }
}
