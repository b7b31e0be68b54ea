import type { Lease, SealedCore } from '#spec'
import { sign } from '../../../../contracts/keys/signature.js'
import { MAX_TICKETS } from '../../../../contracts/schema/counts.js'
import { TICKET_TIME, agreementId } from '../../../../contracts/terms.js'
import type { DealChannel } from '../../../deal/channel.js'
import type { Deals } from '../../../deal/deals.js'
import type { UploadSource } from '../buyer-lease.js'

/** 64 KiB/s, in bytes a ms: half of what an uplink of 1 Mbit/s carries. */
const LEAST_RATE = 64 * 1.024

/**
 * The copies of a mirror that are left: a new provider fetches its copy from them, with tickets of the owner, who needs
 * neither the files nor the packed drive.
 */
export class OtherCopies implements UploadSource {
  /** Nobody looks on: who takes longer gives its place to another. */
  readonly leastRate = LEAST_RATE
  readonly #deals: Deals
  readonly #sources: readonly Lease[]
  readonly #now: () => number
  readonly #timeoutMs: number

  /** `sources`: stored leases, at least one. */
  constructor(deals: Deals, sources: readonly Lease[], now: () => number, timeoutMs: number) {
    this.#deals = deals
    this.#sources = sources.slice(0, MAX_TICKETS)
    this.#now = now
    this.#timeoutMs = timeoutMs
  }

  async attach(channel: DealChannel, agreement: Buffer): Promise<void> {
    const tickets = this.#sources.map(({ terms }) => {
      const ticket = {
        agreement: agreementId(terms),
        source: terms.provider.device,
        to: channel.device,
        until: this.#now() + TICKET_TIME
      }
      return { ticket, signature: sign('ticket', ticket, this.#deals.self.device) }
    })
    await channel.request('repair', { agreement, tickets }, { timeoutMs: this.#timeoutMs })
  }

  /** A seal signs the content, which is the same for every copy. */
  seals(): Promise<SealedCore[]> {
    return Promise.resolve(this.#sources[0]!.seal!.seal.cores)
  }
}
