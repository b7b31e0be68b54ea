import type { Duplex } from 'node:stream'
import { LIGHTNING_RATE } from '../../../base/bounds/bounds.js'
import { KeyedTokenBuckets } from '../../../base/token-bucket.js'
import { ACK_STEP, WINDOW, type FromChild, type ToChild } from './messages.js'

export interface AttachOptions {
  /** Lightning node id of the other side, 33 bytes. */
  nodeId: Buffer
  /** True on the side that sends first, false on the other. */
  outbound: boolean
  /**
   * Noise public key of the peer, proven by the stream. Only a stream of the same owner replaces the stream of a
   * connected node, so that a peer cannot displace another one by claiming its node id.
   */
  owner?: Buffer
}

export interface Attachment {
  /** Resolves when the stream is no longer used. Never rejects. */
  readonly closed: Promise<void>
  close(): void
}

interface Wire {
  conn: number
  stream: Duplex
  options: AttachOptions
  /** Bytes read from the stream and not yet consumed by the process. */
  unread: number
  /** Bytes written to the stream and not yet acknowledged to the process. */
  written: number
  attached: boolean
  /** Bytes that it may still bring before its peer is looked at again. */
  trusted: number
}

/** Strangers whose budgets are remembered. */
const MOST_STRANGERS = 4096

/** The parent's side of the connections: carries bytes between streams and the Lightning process, with flow control. */
export class PeerStreams {
  readonly #send: (message: ToChild) => void
  readonly #isPartner: (device: Buffer | null) => boolean
  readonly #wires = new Map<number, Wire>()
  /** What each stranger may send: Lightning with one that pays nothing needs little. */
  readonly #budgets = new KeyedTokenBuckets(LIGHTNING_RATE, MOST_STRANGERS)
  #next = 1
  #up = false

  constructor(send: (message: ToChild) => void, isPartner: (device: Buffer | null) => boolean) {
    this.#send = send
    this.#isPartner = isPartner
  }

  attach(stream: Duplex, options: AttachOptions): Attachment {
    const conn = this.#next++
    const wire: Wire = { conn, stream, options, unread: 0, written: 0, attached: false, trusted: 0 }
    const closed = new Promise<void>(resolve => stream.once('close', resolve))
    if (stream.destroyed) return { closed: Promise.resolve(), close: () => undefined }
    this.#wires.set(wire.conn, wire)
    stream.on('error', () => undefined) // 'close' follows and is handled
    stream.on('data', (bytes: Buffer) => this.#read(wire, bytes))
    stream.on('end', () => stream.destroy())
    stream.once('close', () => this.#gone(wire))
    if (this.#up) this.#introduce(wire)
    else stream.pause()
    return { closed, close: () => stream.destroy() }
  }

  /** Call when the process is up: attaches the streams that are waiting. */
  start(): void {
    this.#up = true
    for (const wire of this.#wires.values()) this.#introduce(wire)
  }

  /** Call when the process is gone: destroys the attached streams, because a session cannot be resumed. */
  stop(): void {
    this.#up = false
    for (const wire of this.#wires.values()) if (wire.attached) wire.stream.destroy()
  }

  close(): void {
    for (const wire of this.#wires.values()) wire.stream.destroy()
  }

  receive(message: Extract<FromChild, { conn: number }>): void {
    const wire = this.#wires.get(message.conn)
    if (!wire) return
    if (message.type === 'data') {
      const { conn, bytes } = message
      wire.stream.write(bytes, () => {
        wire.written += bytes.length
        if (wire.written < ACK_STEP || !this.#wires.has(conn)) return
        this.#send({ type: 'ack', conn, size: wire.written })
        wire.written = 0
      })
    } else if (message.type === 'ack') {
      wire.unread -= message.size
      if (wire.unread < WINDOW / 2 && wire.stream.isPaused()) wire.stream.resume()
    } else {
      this.#wires.delete(wire.conn)
      wire.stream.end(() => wire.stream.destroy())
    }
  }

  #introduce(wire: Wire): void {
    const { nodeId, outbound, owner } = wire.options
    wire.attached = true
    this.#send({ type: 'attach', conn: wire.conn, nodeId, outbound, owner: owner ?? null })
    wire.stream.resume()
  }

  #read(wire: Wire, bytes: Buffer): void {
    if (!this.#affords(wire, bytes.length)) {
      wire.stream.destroy()
      return
    }
    wire.unread += bytes.length
    this.#send({ type: 'data', conn: wire.conn, bytes })
    if (wire.unread >= WINDOW) wire.stream.pause()
  }

  /** A partner is asked for only now and then, because the answer takes several reads. */
  #affords(wire: Wire, size: number): boolean {
    const { owner = null } = wire.options
    if (wire.trusted < size) {
      if (owner && this.#budgets.charge(owner, size)) return true
      if (!this.#isPartner(owner)) return false
      wire.trusted = Math.max(LIGHTNING_RATE.burst, size)
    }
    wire.trusted -= size
    return true
  }

  #gone(wire: Wire): void {
    if (this.#wires.delete(wire.conn) && wire.attached) this.#send({ type: 'detach', conn: wire.conn })
  }
}
