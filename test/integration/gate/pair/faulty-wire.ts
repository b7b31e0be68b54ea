import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { Channel } from 'protomux'
import { PROTOCOL } from '../../../../src/deal/channel.js'
import type { Method } from '../../../../src/deal/methods.js'

/** Which message of a request has the fault. */
export type Way = 'request' | 'answer'

/**
 * The faults of a message. lost: it never arrives. duplicated: it arrives twice at once. replayed: it arrives
 * once more, long after the deal has gone on. reordered: it arrives after the next one in its direction.
 * late: it arrives after its request has timed out. cut: the connection ends between request and answer.
 */
export type FaultKind = 'lost' | 'duplicated' | 'replayed' | 'reordered' | 'late' | 'cut'

export const FAULT_KINDS: readonly FaultKind[] = [
  'lost',
  'duplicated',
  'replayed',
  'reordered',
  'late',
  'cut'
]

export interface Message {
  method: Method
  way: Way
}

/** Decides the fault of each incoming message; null for none. */
export type ChooseFault = (message: Message) => FaultKind | null

export interface WireFault extends Message {
  faultKind: FaultKind
}

/** A message as protomux-rpc encodes it. */
interface Frame {
  id: number
  method?: string
  value?: Buffer | null
}

/** A message that is held back or replayed until `left` others have passed in its direction. */
interface Held {
  left: number
  faultKind: FaultKind
  pass: () => void
}

/** The number of messages that pass before a replay. */
const REPLAY_AFTER = 6

/**
 * Sits between protomux and the product for the deal messages of tapped connections: each incoming message
 * passes here, decoded as by protomux-rpc, before the product sees it. Other traffic is left alone.
 */
export class FaultyWire {
  /** How often each fault was completed; a late message counts once it has arrived. */
  readonly hits = new Map<FaultKind, number>()
  chooseFault: ChooseFault = () => null
  readonly #held = new Map<string, Held[]>()
  readonly #methods = new Map<string, Method>()
  readonly #late = new Set<NodeJS.Timeout>()
  #onlate: () => void = () => undefined

  readonly #lateMs: (method: Method) => number

  /** `lateMs` is the delay of a late message: beyond the time limit of its request. */
  constructor(lateMs: (method: Method) => number) {
    this.#lateMs = lateMs
  }

  /** The number of all faults. */
  get count(): number {
    return [...this.hits.values()].reduce((sum, one) => sum + one, 0)
  }

  /** From now on one message of that kind has its fault, and no other. */
  arm({ method, way, faultKind }: WireFault): void {
    this.hits.clear()
    let armed = true
    this.chooseFault = message => {
      if (!armed || message.method !== method || message.way !== way) return null
      armed = false
      return faultKind
    }
  }

  /** From now on each message has some fault with that chance. */
  disturb(random: () => number, chance: number): void {
    this.chooseFault = () =>
      random() < chance ? FAULT_KINDS[Math.floor(random() * FAULT_KINDS.length)]! : null
  }

  /** Ends all faults; messages to be replayed arrive now, where their connection is still open. */
  endFaults(): void {
    this.chooseFault = () => null
    for (const held of this.#held.values())
      for (const { faultKind, pass } of held.splice(0)) if (faultKind === 'replayed') pass()
  }

  /** Resolves when all late messages have arrived. */
  async lateArrived(): Promise<void> {
    while (this.#late.size > 0) await new Promise<void>(resolve => (this.#onlate = resolve))
  }

  close(): void {
    for (const timer of this.#late) clearTimeout(timer)
  }

  /** Must be called with each connection before the product opens a channel on it. */
  tap(stream: NoiseStream): void {
    const mux = Protomux.from(stream)
    const create = mux.createChannel.bind(mux)
    mux.createChannel = options => {
      const channel = create(options)
      if (channel && options.protocol === PROTOCOL) this.#wrap(channel, stream)
      return channel
    }
  }

  /** The first message of a protomux-rpc channel is the request, the second the answer. */
  #wrap(channel: Channel, stream: NoiseStream): void {
    const add = channel.addMessage.bind(channel) as (options: Options) => ReturnType<Channel['addMessage']>
    const ways: Way[] = ['request', 'answer']
    const wrapped = (options: Options): ReturnType<Channel['addMessage']> => {
      const way = ways.shift()!
      const onmessage = (frame: Frame): void => {
        const { value } = frame
        // Decoded in place: a held message needs bytes of its own.
        const copy = value ? { ...frame, value: Buffer.from(value) } : frame
        this.#receive(stream, way, copy, () => {
          if (!channel.closed) void options.onmessage(copy)
        })
      }
      return add({ ...options, onmessage })
    }
    channel.addMessage = wrapped as Channel['addMessage']
  }

  #receive(stream: NoiseStream, way: Way, frame: Frame, pass: () => void): void {
    const direction = `${stream.handshakeHash.toString('hex')}/${stream.isInitiator}/${way}`
    const asker = way === 'request' ? stream.remotePublicKey : stream.publicKey
    const key = `${stream.handshakeHash.toString('hex')}/${asker.toString('hex')}/${frame.id}`
    const method = way === 'request' ? (frame.method as Method) : this.#methods.get(key)!
    if (way === 'request') this.#methods.set(key, method)
    const faultKind = this.chooseFault({ method, way })
    const held = this.#held.get(direction) ?? []
    this.#held.set(direction, held)
    if (faultKind) this.#applyFault(faultKind, { method, way }, stream, held, pass)
    else pass()
    for (const one of held.filter(other => --other.left === 0)) {
      held.splice(held.indexOf(one), 1)
      one.pass()
    }
  }

  #applyFault(
    faultKind: FaultKind,
    { method, way }: Message,
    stream: NoiseStream,
    held: Held[],
    pass: () => void
  ): void {
    const done = (): void => void this.hits.set(faultKind, (this.hits.get(faultKind) ?? 0) + 1)
    const passLater = (): void => {
      if (stream.destroyed) return
      done()
      pass()
    }
    switch (faultKind) {
      case 'lost':
        return done()
      case 'duplicated':
        done()
        pass()
        return pass()
      case 'replayed':
        pass()
        // The message itself is the first to pass.
        held.push({ left: REPLAY_AFTER + 1, faultKind, pass: passLater })
        return
      case 'reordered':
        held.push({ left: 2, faultKind, pass: passLater })
        return
      case 'late': {
        const timer = setTimeout(() => {
          this.#late.delete(timer)
          passLater()
          this.#onlate()
        }, this.#lateMs(method))
        this.#late.add(timer)
        return
      }
      case 'cut':
        done()
        if (way === 'request') pass()
        stream.destroy()
    }
  }
}

interface Options {
  encoding: unknown
  onmessage: (frame: Frame) => void | Promise<void>
}
