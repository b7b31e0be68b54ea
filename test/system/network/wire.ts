import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { answerOrders, optionsOf, tell } from '../../world/parent.js'

/** What a link does to the frames of one direction. */
export interface Shape {
  mbit: number
  delayMs: number
  /** Of a hundred frames, so many are lost; 100 is a cable that is pulled. */
  lost: number
}

export interface WireOptions {
  /** The names of the two TAP devices, which this process makes. */
  taps: [string, string]
  shape: Shape
}

/** A frame that would wait longer than this for its turn is lost, as in the queue of a router. */
const LONGEST_QUEUE_MS = 300
/** Bytes that the kernel keeps for a socket; a burst must fit. */
const SOCKET_BUFFER = 4 << 20

/** What socat says when both of its sides are there. */
const CARRIES = 'starting data transfer loop'

/** One direction of the link: a queue that is emptied in order, each frame when its time has come. */
class Direction {
  readonly #send: (frame: Buffer) => void
  readonly #queue: { due: number; frame: Buffer }[] = []
  #free = 0
  #timer: NodeJS.Timeout | null = null

  constructor(send: (frame: Buffer) => void) {
    this.#send = send
  }

  take(frame: Buffer, { mbit, delayMs, lost }: Shape): void {
    if (Math.random() * 100 < lost) return
    const now = performance.now()
    const begins = Math.max(this.#free, now)
    if (begins - now > LONGEST_QUEUE_MS) return
    this.#free = begins + (frame.length * 8) / (mbit * 1000)
    this.#queue.push({ due: this.#free + delayMs, frame })
    this.#wait()
  }

  #wait(): void {
    const [next] = this.#queue
    if (!next || this.#timer) return
    this.#timer = setTimeout(() => this.#flush(), next.due - performance.now())
  }

  #flush(): void {
    this.#timer = null
    while (this.#queue.length > 0 && this.#queue[0]!.due <= performance.now())
      this.#send(this.#queue.shift()!.frame)
    this.#wait()
  }
}

/** An end of the link: socat makes a TAP device, and carries each frame as one datagram from and to this process. */
class End {
  readonly #socket: Socket
  readonly #frames: number

  private constructor(socket: Socket, frames: number) {
    this.#socket = socket
    this.#frames = frames
  }

  static async open(tap: string): Promise<End> {
    const [ours, theirs] = [await bound(), await bound()]
    const [from, to] = [theirs.address().port, ours.address().port]
    theirs.close()
    const device = `TUN,tun-type=tap,tun-name=${tap},iff-no-pi,iff-up`
    const datagrams = `UDP-DATAGRAM:127.0.0.1:${to},bind=127.0.0.1:${from}`
    const socat = spawn('socat', ['-d', '-d', device, datagrams], { stdio: ['ignore', 'ignore', 'pipe'] })
    socat.once('exit', () => process.exit(1)) // a link without an end is no link, and the test must see it
    let said = ''
    socat.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4096)))
    while (!said.includes(CARRIES)) await once(socat.stderr, 'data')
    return new End(ours, from)
  }

  onframe(take: (frame: Buffer) => void): void {
    this.#socket.on('message', take)
  }

  send(frame: Buffer): void {
    this.#socket.send(frame, this.#frames, '127.0.0.1', error => {
      if (error) throw error
    })
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: SOCKET_BUFFER, sendBufferSize: SOCKET_BUFFER })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

// A link with a rate, a delay and loss, between two TAP devices: many kernels are built without netem.
const { taps, shape } = optionsOf<WireOptions>()
let now = shape
const ends = await Promise.all(taps.map(tap => End.open(tap)))
for (const [i, end] of ends.entries()) {
  const other = new Direction(frame => ends[1 - i]!.send(frame))
  end.onframe(frame => other.take(frame, now))
}
answerOrders<Shape>(async wanted => {
  now = wanted
})
tell({ ready: true })
