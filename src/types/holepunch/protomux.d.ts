declare module 'protomux' {
  import type { Duplex } from 'node:stream'

  export interface Message<T> {
    /** False when the stream wants to be drained. */
    send(value: T): boolean
  }

  export interface Channel {
    readonly opened: boolean
    readonly closed: boolean
    readonly protocol: string
    readonly userData: any
    open(handshake?: any): void
    close(): void
    addMessage<T>(options: { encoding: any; onmessage: (value: T) => void | Promise<void> }): Message<T>
    cork(): void
    uncork(): void
  }

  export interface MessageOptions {
    encoding: any
    onmessage: (value: any, channel: Channel) => unknown
  }

  export interface ChannelOptions {
    protocol: string
    id?: Buffer | null
    aliases?: string[]
    unique?: boolean
    handshake?: any
    userData?: any
    messages?: MessageOptions[]
    onopen?: (handshake: any, channel: Channel) => unknown
    onclose?: (isRemote: any, channel: Channel) => unknown
    ondestroy?: (channel: Channel) => unknown
    ondrain?: (channel: Channel) => unknown
  }

  export default class Protomux {
    static from(stream: Duplex | Protomux): Protomux
    /** Becomes the one that `from` gives for this stream, if there is none yet. */
    constructor(stream: Duplex)
    readonly stream: Duplex
    readonly isInitiator: boolean
    /** Null when the channel is open already and `unique` is not false. */
    createChannel(options: ChannelOptions): Channel | null
    opened(query: { protocol: string; id?: Buffer | null }): boolean
    pair(
      query: { protocol: string; id?: Buffer | null },
      notify: (id: Buffer | null) => void | Promise<void>
    ): void
    unpair(query: { protocol: string; id?: Buffer | null }): void
    cork(): void
    uncork(): void
    destroy(error?: Error): void
    /** The open channels of this side. */
    [Symbol.iterator](): Iterator<Channel>
    /** Keeps a message for a channel that this side has not opened yet. */
    _bufferMessage(channel: object, type: number, state: { buffer: Buffer; start: number; end: number }): void
    /** Bytes of the messages that are kept, with 512 for each. */
    readonly _buffered: number
    /** Reads a message of the control channel; what it throws ends the connection. */
    _oncontrolsession(type: number, state: { buffer: Buffer; start: number; end: number }): unknown
  }
}

declare module 'protomux-rpc' {
  import type { EventEmitter } from 'node:events'
  import type { Duplex } from 'node:stream'

  export interface RpcOptions {
    id?: Buffer
    protocol?: string
    valueEncoding?: any
    handshake?: any
    handshakeEncoding?: any
  }

  /** Events: open (handshake), close, destroy. */
  export default class ProtomuxRPC extends EventEmitter {
    constructor(stream: Duplex, options?: RpcOptions)
    readonly closed: boolean
    readonly opened: boolean
    readonly stream: Duplex
    respond(
      method: string,
      options: object | ((value: Buffer | null) => Promise<Buffer | null>),
      handler?: (value: Buffer | null) => Promise<Buffer | null>
    ): this
    unrespond(method: string): this
    /** `timeout` in ms. Rejects with the remote's error, on a closed channel, or when time is over. */
    request(method: string, value: Buffer | null, options?: { timeout?: number }): Promise<Buffer | null>
    event(method: string, value: Buffer | null): void
    end(): Promise<void>
    destroy(error?: Error): void
    /** Id of the next request. */
    _id: number
    /** Rejects a request that has no answer yet, and forgets it. */
    _ontimeout(id: number, timeout: number): void
    /** Reads a request of the other side, and answers it. */
    _onrequest(request: { id: number; method: string; value: Buffer }): Promise<void>
  }
}
