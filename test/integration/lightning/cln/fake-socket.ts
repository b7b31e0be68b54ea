import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { Frames } from '../../../../src/lightning/backends/cln/frames.js'

export interface Request {
  jsonrpc: string
  id: string
  method: string
  params: unknown
}

/** A socket that answers as the test says; `answer` gets each request as it came. */
export class FakeSocket {
  readonly socket: string
  readonly requests: Request[] = []
  connections = new Set<Socket>()
  answer: (request: Request, connection: Socket) => void = () => undefined
  #server: Server | null = null

  constructor(socket: string) {
    this.socket = socket
  }

  async listen(): Promise<void> {
    this.#server = createServer(connection => {
      this.connections.add(connection)
      const frames = new Frames()
      connection.on('error', () => undefined)
      connection.on('close', () => this.connections.delete(connection))
      connection.on('data', piece => {
        for (const text of frames.push(piece)) {
          const request = JSON.parse(text) as Request
          this.requests.push(request)
          this.answer(request, connection)
        }
      })
    })
    await new Promise<void>(resolve => this.#server!.listen(this.socket, resolve))
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.destroy()
    await new Promise(resolve => this.#server!.close(resolve))
  }
}

/** An answer as lightningd would give it. */
export function reply({ id }: Request, body: object): Buffer {
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, ...body }) + '\n\n')
}
