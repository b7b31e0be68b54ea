import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'

import type { HopRoute } from './hops.js'
import type { Hint } from './invoices.js'

export interface Invoice {
  label: string
  bolt11: string
  hash: string
  preimage: string
  secret: string
  msat: string
  description: string
  /** s since 1970. */
  expiresAt: number
  createdIndex: number
  /** The HTLC that paid it. */
  paidBy: string | null
  payIndex: number
  paidAt: number
  updatedIndex: number
}

export interface Pay {
  /** Id of the HTLC; a new one for each attempt. */
  id: string
  bolt11: string
  hash: string
  payee: string
  msat: string
  description: string
  status: 'pending' | 'complete' | 'failed'
  preimage: string
  /** s since 1970. */
  createdAt: number
  completedAt: number
  createdIndex: number
  code: number
  message: string
  /** The hop that it goes over, and what is sent with its fee; absent for a direct payment. */
  via?: string
  sentMsat?: string
  /** It was recorded, and never sent. */
  stillborn?: boolean
}

export interface Channel {
  peer: string
  totalMsat: string
  ourMsat: string
  /** The least that the peer passes on to this node. */
  leastMsat?: string
}

type Line =
  | { type: 'key'; key: string }
  | { type: 'invoice'; invoice: Invoice }
  | { type: 'gone'; label: string }
  | { type: 'pay'; pay: Pay }
  | { type: 'channel'; channel: Channel }
  | { type: 'route'; route: HopRoute }
  | { type: 'hint'; hint: Hint }

/**
 * The state of a node in an append-only file of JSON lines; a line is on disk (fsync) when `write` returns.
 */
export class NodeStore {
  key = ''
  readonly invoices = new Map<string, Invoice>()
  readonly pays = new Map<string, Pay>()
  readonly channels = new Map<string, Channel>()
  readonly routes = new Map<string, HopRoute>()
  /** What this node's invoices say of its channels that are not announced. */
  readonly hints: Hint[] = []
  readonly #fd: number

  constructor(file: string) {
    this.#fd = openSync(file, 'a+', 0o600)
    const bytes = readFileSync(file)
    // An unfinished last line, left by a kill, is dropped.
    const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1)
    ftruncateSync(this.#fd, whole.byteLength)
    for (const line of whole.toString().split('\n')) {
      if (line) for (const one of JSON.parse(line) as Line[]) this.#apply(one)
    }
  }

  /** Writes all lines or none. */
  write(...lines: Line[]): void {
    writeSync(this.#fd, JSON.stringify(lines) + '\n')
    fsyncSync(this.#fd)
    for (const line of lines) this.#apply(line)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #apply(line: Line): void {
    if (line.type === 'key') this.key = line.key
    else if (line.type === 'invoice') this.invoices.set(line.invoice.label, line.invoice)
    else if (line.type === 'gone') this.invoices.delete(line.label)
    else if (line.type === 'pay') this.pays.set(line.pay.id, line.pay)
    else if (line.type === 'route') this.routes.set(line.route.payee, line.route)
    else if (line.type === 'hint') this.hints.push(line.hint)
    else this.channels.set(line.channel.peer, line.channel)
  }
}
