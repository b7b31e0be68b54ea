import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import HyperDHT from 'hyperdht'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey } from '../../contracts/keys/key.js'
import type { Address } from './node-port.js'

const LOOPBACK = '127.0.0.1'

export interface BootstrapOptions {
  /** Where others dial it; this machine alone by default. */
  host?: string | undefined
  /** Any port that is free by default. */
  port?: number | undefined
  /** Other bootstrap nodes of the network, which it joins. */
  bootstrap?: Address[] | null
}

/** A node that a private network starts from: everybody else's `--bootstrap`. */
export class BootstrapNode extends ReadyResource {
  readonly host: string
  readonly #options: BootstrapOptions
  #dht: HyperDHT | null = null

  constructor(options: BootstrapOptions = {}) {
    super()
    this.#options = options
    this.host = options.host ?? LOOPBACK
  }

  get port(): number {
    return this.#dht!.address().port
  }

  get device(): string {
    return formatKey(this.#dht!.defaultKeyPair.publicKey)
  }

  protected override async _open(): Promise<void> {
    const { host } = this
    const bind = boundTo(host)
    const port = await freePort(this.#options.port ?? null, bind)
    // Without `host` it would bind every interface and report an address that cannot be dialled.
    this.#dht = HyperDHT.bootstrapper(port, host, { host: bind, bootstrap: this.#options.bootstrap ?? [] })
    await this.#dht.fullyBootstrapped()
  }

  protected override async _close(): Promise<void> {
    await this.#dht?.destroy()
  }
}

/** The address to bind for others to dial `host`: all, where it belongs to a machine in front of this one. */
export function boundTo(host: string): string {
  const own = Object.values(networkInterfaces()).flatMap(each => each ?? [])
  return own.some(({ address }) => address === host) ? host : '0.0.0.0'
}

/** The port, found free, or any free one; throws PORT_IN_USE. */
export async function freePort(wanted: number | null, host = LOOPBACK): Promise<number> {
  const socket = createSocket('udp4')
  try {
    socket.bind(wanted ?? 0, host)
    await once(socket, 'listening')
    return socket.address().port
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRNOTAVAIL')
      throw new BushelError(
        'BAD_INPUT',
        `${host} is not an address of this machine`,
        'give one that it has, or leave out --host to use all'
      ).withCause(error)
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
