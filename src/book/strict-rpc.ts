import ProtomuxRPC from 'protomux-rpc'

/**
 * Requests that are answered by name, and no others. A request of another name, which may be as long as a frame, is not
 * answered with that name, as protomux-rpc does whether or not the answers are read: event `unknown`.
 */
export class StrictRpc extends ProtomuxRPC {
  readonly #methods = new Set<string>()

  override respond(method: string, handler: (value: Buffer | null) => Promise<Buffer | null>): this {
    this.#methods.add(method)
    return super.respond(method, handler)
  }

  override async _onrequest(request: { id: number; method: string; value: Buffer }): Promise<void> {
    if (this.#methods.has(request.method)) return super._onrequest(request)
    this.emit('unknown')
  }
}
