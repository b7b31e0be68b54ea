import type { KeyPair } from 'hypercore-crypto'
import type { Logger } from '../base/logger.js'

export interface Address {
  host: string
  port: number
}

export interface NetworkOptions {
  /** The device key: a connection's remote public key proves the device. */
  keyPair: KeyPair
  /** Null: the public DHT. All loopback: this node binds 127.0.0.1 and is not firewalled. */
  bootstrap: Address[] | null
  /** The address of this machine to bind; all of them by default. */
  host?: string | undefined
  /** The UDP port to be reached at; any one by default. */
  port?: number | undefined
  log?: Logger
  /** False, for tests: behind a router that lets no peer in. */
  direct?: boolean
  /** How long a way through the routers to a device that has answered is looked for, ms; a minute by default. */
  punchesFor?: number
}
