declare module 'lightning-client' {
  import type { EventEmitter } from 'node:events'
  import type { Socket } from 'node:net'

  /** As published: connects when it is made, to `lightning-rpc` in a folder that is given as an absolute path. */
  export default class LightningClient extends EventEmitter {
    constructor(folder: string, debug?: boolean)
    client: Socket
    reconnectWait: number
    reconnectTimeout: NodeJS.Timeout | null
    call(method: string, args?: unknown): Promise<unknown>
    reconnect(): void
    increaseWaitTime(): void
    static splitJSON(
      bytes: Buffer,
      startFrom?: number,
      openCount?: number
    ): { partial: boolean; string: Buffer; openCount: number }[]
  }
}
