/** The reason why this node ends a connection. */
export class CutOff extends Error {
  /** The bound that the peer has exceeded. */
  readonly bound: string

  constructor(bound: string, message: string) {
    super(message)
    this.bound = bound
  }
}
