import type { BookedComputeAsk } from './hire-port.js'

/** How many jobs of ours are at work at each device, so that many jobs spread over providers. */
export class Loads {
  readonly #jobs = new Map<string, number>()

  of(device: Buffer): number {
    return this.#jobs.get(device.toString('hex')) ?? 0
  }

  change(device: Buffer, by: 1 | -1): void {
    const jobs = this.of(device) + by
    if (jobs > 0) this.#jobs.set(device.toString('hex'), jobs)
    else this.#jobs.delete(device.toString('hex'))
  }

  /** Those with a free core first, as they stood; then the others, by how many jobs a core of theirs has. */
  spread(asks: readonly BookedComputeAsk[]): BookedComputeAsk[] {
    const full = ({ device, cores }: BookedComputeAsk): number =>
      Math.floor(this.of(device) / Math.max(cores, 1))
    return [...asks].sort((a, b) => full(a) - full(b))
  }
}
