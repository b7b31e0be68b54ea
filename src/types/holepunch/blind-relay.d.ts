declare module 'blind-relay' {
  import type { EventEmitter } from 'node:events'
  import type { NoiseStream } from 'hyperdht'

  /** A stream of UDX that is handed over to the one at the other end of its pair. */
  export interface ForwardedStream extends EventEmitter {
    readonly bytesReceived: number
  }

  export interface PairRequest {
    isInitiator: boolean
    token: Buffer
    id: number
    seq: number
  }

  /** Events: pair (isInitiator, token, stream, remoteId), close, error. */
  export interface Session extends EventEmitter {
    readonly stream: NoiseStream
    /** What the other side asks for; the handlers may be replaced. */
    readonly _pair: { onmessage: (request: PairRequest) => unknown }
    readonly _unpair: { onmessage: (request: { token: Buffer }) => unknown }
    destroy(error?: Error): void
  }

  export class Server {
    constructor(options: { createStream: (options: object) => ForwardedStream })
    accept(stream: NoiseStream, options: { id: Buffer }): Session
    close(): Promise<void>
  }

  /** Events: error, close. */
  export interface Request extends EventEmitter {
    destroy(error?: Error): void
  }

  export class Client extends EventEmitter {
    static from(stream: NoiseStream, options: { id: Buffer }): Client
    pair(isInitiator: boolean, token: Buffer, stream: object): Request
  }

  export function token(): Buffer
}
