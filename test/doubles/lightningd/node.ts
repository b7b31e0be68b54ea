import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { decodeInvoice, freshKey, publicKeyOf, sha256, signInvoice } from './invoices.js'
import type { DecodedInvoice, Hint } from './invoices.js'
import { Hops } from './hops.js'
import type { Asked, HopRoute } from './hops.js'
import { NodeStore } from './node-store.js'
import type { Channel, Invoice, Pay } from './node-store.js'
import { RpcError } from './rpc-error.js'

/** What an HTLC brings to the payee, and the answer to it: the same answer for the same id, for ever. */
interface Htlc {
  id: string
  from: string
  hash: string
  msat: string
}

type HtlcAnswer = { preimage: string } | { code: number; message: string }

/**
 * The rules of a node: it signs invoices with its own key and pays other nodes whose sockets are in a shared
 * folder. A payment is on the payer's disk before it leaves, settled on the payee's before the preimage is
 * told, and asked for again after a kill, so that both always reach the same outcome.
 */
export class LightningNode {
  readonly id: string
  readonly network: string
  readonly #store: NodeStore
  readonly #folder: string
  readonly #server: Server
  readonly #waiting = new Set<() => void>()
  readonly #paying = new Map<string, Promise<void>>()
  readonly hops = new Hops()
  /** When this process began, s since 1970. */
  readonly since = Date.now() / 1000
  /** While set, payments are recorded and never sent. */
  stillborn = false
  /** While set, payments to this node wait. */
  holding = false
  closed = false

  constructor(file: string, network: string, folder: string) {
    this.#store = new NodeStore(file)
    if (!this.#store.key) this.#store.write({ type: 'key', key: freshKey() })
    this.network = network
    this.#folder = folder
    this.id = publicKeyOf(this.#store.key, network)
    this.#server = createServer(socket => {
      let text = ''
      socket.on('error', () => undefined)
      socket.on('data', piece => {
        text += piece.toString()
        if (!text.endsWith('\n')) return
        const htlc = JSON.parse(text) as Htlc
        void this.#settle(htlc).then(fate => socket.end(JSON.stringify(fate) + '\n'))
      })
    })
  }

  async open(): Promise<void> {
    await new Promise<void>(resolve => this.#server.listen(join(this.#folder, socketOf(this.id)), resolve))
    for (const pay of this.#store.pays.values())
      if (pay.status === 'pending' && !pay.stillborn) void this.#send(pay)
  }

  // Channels

  get channels(): Channel[] {
    return [...this.#store.channels.values()]
  }

  setRoute(route: HopRoute): void {
    this.#store.write({ type: 'route', route })
  }

  setHint(hint: Hint): void {
    this.#store.write({ type: 'hint', hint })
  }

  /** Payments that have an HTLC in the channel with this peer. */
  inFlight(peer: string): Pay[] {
    return this.pays.filter(
      pay => pay.status === 'pending' && !pay.stillborn && (pay.via ?? pay.payee) === peer
    )
  }

  /** The fee to a payee, which has no channel with this node; throws where xpay and getroutes do. */
  feeMsat(payee: string, msat: bigint, asked: Pick<Asked, 'maxFeeMsat' | 'hinted' | 'learnt'>): bigint {
    const route = this.#store.routes.get(payee)
    const channel = route && this.#store.channels.get(route.hop)
    return this.hops.feeMsat(route, payee, {
      ...asked,
      msat,
      spendableMsat: channel ? this.spendable(channel) : 0n,
      online: channel !== undefined && !this.hops.offline.has(route!.hop)
    })
  }

  route(payee: string): HopRoute | undefined {
    return this.#store.routes.get(payee)
  }

  setChannel(channel: Channel): void {
    this.#store.write({ type: 'channel', channel })
  }

  /** What this node can send over a channel: its balance, less the reserve of 1 % and pending payments. */
  spendable({ peer, totalMsat, ourMsat }: Channel): bigint {
    let msat = BigInt(ourMsat) - BigInt(totalMsat) / 100n
    for (const pay of this.#store.pays.values())
      if (pay.status === 'pending' && (pay.via ?? pay.payee) === peer) msat -= sentOf(pay)
    return msat > 0n ? msat : 0n
  }

  receivable({ totalMsat, ourMsat }: Channel): bigint {
    const msat = BigInt(totalMsat) - BigInt(ourMsat) - BigInt(totalMsat) / 100n
    return msat > 0n ? msat : 0n
  }

  // Invoices

  invoice(request: {
    msat: string
    label: string
    description: string
    expiry: number
    preimage: string
  }): Invoice {
    const { label, description, expiry } = request
    if (this.#store.invoices.has(label)) throw new RpcError(900, `Duplicate label '${label}'`)
    const preimage = request.preimage || randomBytes(32).toString('hex')
    const hash = sha256(preimage)
    if ([...this.#store.invoices.values()].some(one => one.hash === hash))
      throw new RpcError(901, 'preimage already used')
    const secret = randomBytes(32).toString('hex')
    const timestamp = now()
    const { hints } = this.#store
    const fields = { msat: request.msat, timestamp, hash, description, expiry, secret, hints }
    const invoice: Invoice = {
      label,
      bolt11: signInvoice(fields, this.#store.key, this.network),
      hash,
      preimage,
      secret,
      msat: request.msat,
      description,
      expiresAt: timestamp + expiry,
      createdIndex:
        [...this.#store.invoices.values()].reduce((n, one) => Math.max(n, one.createdIndex), 0) + 1,
      paidBy: null,
      payIndex: 0,
      paidAt: 0,
      updatedIndex: 0
    }
    this.#store.write({ type: 'invoice', invoice })
    return invoice
  }

  get invoices(): Invoice[] {
    return [...this.#store.invoices.values()]
  }

  deleteInvoice(invoice: Invoice): void {
    this.#store.write({ type: 'gone', label: invoice.label })
  }

  /**
   * The next invoice that was paid after `payIndex`, waiting at most `timeoutMs`; null when there is none.
   */
  async paidAfter(payIndex: number, timeoutMs: number): Promise<Invoice | null> {
    const until = Date.now() + timeoutMs
    for (;;) {
      const [next] = this.invoices
        .filter(one => one.payIndex > payIndex)
        .sort((a, b) => a.payIndex - b.payIndex)
      if (next) return next
      if (Date.now() >= until) return null
      await this.#change(until - Date.now())
    }
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, timeoutMs)
      this.#waiting.add(done)
    })
  }

  #changed(): void {
    for (const done of [...this.#waiting]) done()
  }

  /** Settles held payments from now on. */
  release(): void {
    this.holding = false
    this.#changed()
  }

  async #settle({ id, from, hash, msat }: Htlc): Promise<HtlcAnswer> {
    while (this.holding) await this.#change(60_000)
    const invoice = this.invoices.find(one => one.hash === hash)
    const unknown = {
      code: 203,
      message: "Destination said it doesn't know invoice: incorrect_or_unknown_payment_details"
    }
    if (!invoice) return unknown
    if (invoice.paidBy === id) return { preimage: invoice.preimage }
    if (invoice.paidBy !== null || now() >= invoice.expiresAt || BigInt(msat) < BigInt(invoice.msat))
      return unknown
    const channel = this.#store.channels.get(from)
    if (!channel) return unknown
    const paid = this.invoices.reduce((n, one) => Math.max(n, one.payIndex), 0) + 1
    this.#store.write(
      {
        type: 'invoice',
        invoice: { ...invoice, paidBy: id, payIndex: paid, paidAt: now(), updatedIndex: paid }
      },
      {
        type: 'channel',
        channel: { ...channel, ourMsat: (BigInt(channel.ourMsat) + BigInt(msat)).toString() }
      }
    )
    this.#changed()
    return { preimage: invoice.preimage }
  }

  // Payments

  get pays(): Pay[] {
    return [...this.#store.pays.values()]
  }

  /** Pays, or finds the earlier outcome; resolves when it is final or the time is over. */
  async pay(text: string, timeoutMs: number, maxFeeMsat: bigint): Promise<Pay> {
    const invoice = this.decode(text)
    if (invoice.msat === null) throw new RpcError(-32602, 'amount_msat required')
    const { hash, payee, msat, description } = invoice
    const earlier = this.pays.filter(one => one.hash === hash && one.status !== 'failed').at(-1)
    if (earlier) return this.#final(earlier, timeoutMs)
    const late = now() - invoice.expiresAt
    if (late >= 0) throw new RpcError(207, `Invoice expired ${late} seconds ago`)
    const channel = this.#store.channels.get(payee)
    const over = channel ? {} : this.#over(invoice, maxFeeMsat)
    if (channel && this.spendable(channel) < BigInt(msat)) {
      const total = `${channel.ourMsat}msat (in 1 channels).`
      throw new RpcError(
        205,
        `Failed: We could not find a usable set of paths. Total source capacity is only ${total}`
      )
    }
    const pay: Pay = {
      id: randomBytes(16).toString('hex'),
      bolt11: text,
      hash,
      payee,
      msat,
      description,
      status: 'pending',
      preimage: '',
      createdAt: now(),
      completedAt: 0,
      createdIndex: this.#store.pays.size + 1,
      code: 0,
      message: '',
      ...over,
      ...(this.stillborn ? { stillborn: true } : {})
    }
    this.#store.write({ type: 'pay', pay })
    if (!pay.stillborn) void this.#send(pay)
    return this.#final(pay, timeoutMs)
  }

  /** The way over a hop, for a payee without a channel with this node. */
  #over({ payee, msat, hints }: DecodedInvoice, maxFeeMsat: bigint): { via: string; sentMsat: string } {
    const hinted = new Set(hints.map(({ short_channel_id: id }) => id))
    try {
      const fee = this.feeMsat(payee, BigInt(msat!), { maxFeeMsat, hinted, learnt: true })
      const route = this.route(payee)!
      return { via: route.hop, sentMsat: (BigInt(msat!) + fee).toString() }
    } catch (error) {
      const { code, message } = error as RpcError
      throw new RpcError(code, `Failed: ${message}`)
    }
  }

  async #final(pay: Pay, timeoutMs: number): Promise<Pay> {
    const until = Date.now() + timeoutMs
    for (;;) {
      const current = this.#store.pays.get(pay.id)!
      if (current.status === 'complete') return current
      if (current.status === 'failed') throw new RpcError(current.code, current.message)
      if (Date.now() >= until) throw new RpcError(210, 'Timed out while the payment is on its way')
      await this.#change(until - Date.now())
    }
  }

  /** Offers the HTLC until the payee has answered it. */
  #send(pay: Pay): Promise<void> {
    let sending = this.#paying.get(pay.id)
    if (!sending) this.#paying.set(pay.id, (sending = this.#offer(pay)))
    return sending
  }

  async #offer(pay: Pay): Promise<void> {
    let fate: HtlcAnswer | null = null
    while (!fate && !this.closed) {
      const answer = await this.#ask(pay)
      fate = answer === 'away' ? this.#lost(pay) : answer
      if (!fate) await new Promise(resolve => setTimeout(resolve, 50))
    }
    if (!fate) return
    if ('preimage' in fate) {
      const channel = this.#store.channels.get(pay.via ?? pay.payee)!
      this.#store.write(
        { type: 'pay', pay: { ...pay, status: 'complete', preimage: fate.preimage, completedAt: now() } },
        {
          type: 'channel',
          channel: { ...channel, ourMsat: (BigInt(channel.ourMsat) - sentOf(pay)).toString() }
        }
      )
    } else {
      this.#store.write({ type: 'pay', pay: { ...pay, status: 'failed', ...fate, completedAt: now() } })
    }
    this.#changed()
  }

  /** The hop's answer for a payee that is away; a direct payment waits for it. */
  #lost({ via, payee, msat }: Pay): HtlcAnswer | null {
    return via === undefined ? null : this.hops.refused(this.route(payee)!, BigInt(msat))
  }

  /** Null when the answer was lost: the payee is asked again. */
  #ask({ id, hash, msat, payee, via }: Pay): Promise<HtlcAnswer | 'away' | null> {
    const least = via === undefined ? 0n : BigInt(this.route(payee)!.minMsat)
    if (BigInt(msat) < least) return Promise.resolve('away')
    const htlc: Htlc = { id, from: via ?? this.id, hash, msat }
    return new Promise(resolve => {
      const path = join(this.#folder, socketOf(payee))
      if (!existsSync(path)) return resolve('away')
      let connected = false
      const socket = createConnection(path, () => (connected = true))
      let text = ''
      socket.on('data', piece => (text += piece.toString()))
      socket.on('error', () => undefined)
      socket.on('close', () => {
        if (!connected) return resolve('away')
        resolve(text.endsWith('\n') ? (JSON.parse(text) as HtlcAnswer) : null)
      })
      socket.write(JSON.stringify(htlc) + '\n')
    })
  }

  decode(text: string): DecodedInvoice {
    return decodeInvoice(text, this.network)
  }

  close(): void {
    this.closed = true
    this.#server.close()
    this.#store.close()
  }
}

/** Paths of Unix sockets are short: a node's is named after the first characters of its id. */
export function socketOf(id: string): string {
  return `${id.slice(0, 16)}.htlc`
}

function sentOf({ msat, sentMsat }: Pay): bigint {
  return BigInt(sentMsat ?? msat)
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}
