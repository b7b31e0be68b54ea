import type { BookedComputeAsk } from './hire-port.js'

/** Counts our running jobs on each provider device, to spread many jobs over the providers. */
export class DeviceLoads {
  readonly #jobs = new Map<string, number>()

  jobsOn(device: Buffer): number {
    return this.#jobs.get(device.toString('hex')) ?? 0
  }

  change(device: Buffer, by: 1 | -1): void {
    const jobs = this.jobsOn(device) + by
    if (jobs > 0) this.#jobs.set(device.toString('hex'), jobs)
    else this.#jobs.delete(device.toString('hex'))
  }

  /** Sorts asks by our jobs per core, rounded down; asks with equal load keep their order. */
  leastLoadedFirst(asks: readonly BookedComputeAsk[]): BookedComputeAsk[] {
    const jobsPerCore = ({ device, cores }: BookedComputeAsk): number =>
      Math.floor(this.jobsOn(device) / Math.max(cores, 1))
    return [...asks].sort((a, b) => jobsPerCore(a) - jobsPerCore(b))
  }
}
