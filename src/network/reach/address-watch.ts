import type { PeerAddress } from 'hyperdht'

/** So many nodes in a row have to see this one elsewhere: one alone may lie, or be behind the same router. */
const WITNESSES = 3
/** Most nodes that are remembered to have said anything. */
const MOST = 64

/**
 * Notices that this node has another public address: its router was given a new one, or it is on another network. A node
 * that announces itself hears from others every few seconds. hyperdht samples each of them once in half an hour.
 */
export class AddressWatch {
  #here: PeerAddress | null = null
  /** Who has said where it sees this node. */
  readonly #witnesses = new Set<string>()
  /** Where this node was seen instead, by who has seen it there. */
  readonly #elsewhere = new Map<string, PeerAddress>()

  /** Call with each answer of another node. When the address has changed, returns the new one as each witness sees it. */
  see(from: PeerAddress, to: PeerAddress): PeerAddress[] | null {
    const witness = `${from.host}:${from.port}`
    this.#here ??= to
    this.#witnesses.delete(witness)
    this.#witnesses.add(witness)
    if (this.#witnesses.size > MOST) this.#witnesses.delete(this.#witnesses.values().next().value!)
    if (isSame(to, this.#here)) {
      this.#elsewhere.clear()
      return null
    }
    const [other] = this.#elsewhere.values()
    if (other && !this.#agree(other, to)) this.#elsewhere.clear()
    this.#elsewhere.set(witness, to)
    if (this.#elsewhere.size < Math.min(WITNESSES, this.#witnesses.size)) return null
    const seen = [...this.#elsewhere.values()]
    this.#here = to
    this.#elsewhere.clear()
    return seen
  }

  /** At the same address another port counts when all see the same one: many routers give one for each who is spoken to. */
  #agree(one: PeerAddress, other: PeerAddress): boolean {
    return one.host === other.host && (one.host !== this.#here!.host || one.port === other.port)
  }
}

function isSame(one: PeerAddress, other: PeerAddress): boolean {
  return one.host === other.host && one.port === other.port
}
