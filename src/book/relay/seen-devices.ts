import { BOUNDS } from '../../base/bounds/bounds.js'

interface Sighting {
  /** The end of its last connection, ms since 1970. */
  at: number
  address: string | null
  /** Number of its open connections. */
  open: number
}

/**
 * When devices last held a connection with a relay, over which they hand in their orders. Buyers dial those first. A
 * device costs nothing, so those of one address are few, and the one that is gone for longest is forgotten.
 */
export class SeenDevices {
  readonly #now: () => number
  /** By device in hex, the one that went longest ago first. */
  readonly #seen = new Map<string, Sighting>()
  readonly #ofAddress = new Map<string, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#seen.size
  }

  /** Call when a device has connected, and `left` when that connection has closed. */
  came(device: Buffer, address: string | null): void {
    this.#change(device, address, 1)
  }

  left(device: Buffer): void {
    const known = this.#seen.get(device.toString('hex'))
    if (known) this.#change(device, known.address, -1)
  }

  /** How long ago the device was seen, ms; null when it was not. */
  ago(device: Buffer): number | null {
    const known = this.#seen.get(device.toString('hex'))
    if (!known) return null
    return known.open > 0 ? 0 : this.#now() - known.at
  }

  #change(device: Buffer, address: string | null, by: 1 | -1): void {
    const id = device.toString('hex')
    const open = Math.max(0, (this.#seen.get(id)?.open ?? 0) + by)
    this.#forget(id)
    this.#seen.set(id, { at: this.#now(), address, open })
    if (address !== null) this.#ofAddress.set(address, (this.#ofAddress.get(address) ?? 0) + 1)
    if (address !== null && this.#ofAddress.get(address)! > BOUNDS.sightings.address) this.#drop(address)
    if (this.#seen.size > BOUNDS.sightings.all) this.#drop(null)
  }

  /** Forgets the device that is gone for longest, of an address or of all; without one, the one that came first. */
  #drop(address: string | null): void {
    let first: string | null = null
    for (const [id, sighting] of this.#seen) {
      if (address !== null && sighting.address !== address) continue
      first ??= id
      if (sighting.open > 0) continue
      first = id
      break
    }
    if (first !== null) this.#forget(first)
  }

  #forget(id: string): void {
    const known = this.#seen.get(id)
    this.#seen.delete(id)
    if (!known || known.address === null) return
    const left = this.#ofAddress.get(known.address)! - 1
    if (left > 0) this.#ofAddress.set(known.address, left)
    else this.#ofAddress.delete(known.address)
  }
}
