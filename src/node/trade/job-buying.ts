import type { Books } from '../../book/books.js'
import type { Blobs } from '../../compute/blobs/blobs.js'
import type { BookedComputeAsk, HirePort } from '../../compute/buyer/hire-port.js'
import { Jobs } from '../../compute/buyer/jobs.js'
import type { RunListener } from '../../compute/buyer/jobs.js'
import { packInput } from '../../compute/job/job-archive.js'
import { compute } from '../../compute/resource.js'
import type { Opener } from '../../deal/sellers/dialling.js'
import type { Experiences } from '../../deal/sellers/experience.js'
import type { Store } from '../../store/store.js'
import type { SpendingLimits } from '../../payment/limits.js'
import type { Logger } from '../../base/logger.js'
import { cheapestAsks } from './asks.js'

export interface JobBuying {
  books: Books
  /** Lightning network of the wallet. */
  network: string
  hires: HirePort
  /** Opens a channel to a seller. */
  open: Opener
  experiences: Experiences
  blobs: Blobs
  store: Store
  limits: SpendingLimits
  identity: Buffer
  folder: string
  now: () => number
  /** Continue the runs of an earlier process. */
  unattended: boolean
  listener: RunListener
  log: Logger
}

/** Builds the buyer's side of compute from the parts of a node. */
export function jobsOf(buying: JobBuying): Jobs {
  const { hires, open, experiences, blobs, store, limits, identity, folder, now, unattended, listener, log } =
    buying
  return new Jobs({
    hire: hires,
    open,
    experiences,
    pack: { module: bytes => blobs.put([bytes]), input: input => blobs.put(packInput(input)) },
    asks: (market, maxPrice) => asksOf(buying, market, maxPrice),
    faultOf: spend => limits.faultOf(spend),
    ...{ store, identity, folder, now, unattended, listener, log }
  })
}

async function asksOf(
  { books, network }: JobBuying,
  key: Buffer,
  maxPrice: bigint | null
): Promise<BookedComputeAsk[]> {
  const orders = await cheapestAsks(books, key, { resource: compute, network, maxPrice })
  return orders.map(({ id, order, seen }) => {
    const { cores, memory, fuel, baseMsat, isolation } = compute.ask.decode(order.body)
    const { identity, device, price, revision } = order
    const kept = isolation === 'bwrap' ? 'bwrap' : 'process'
    return { id, identity, device, revision, price, seen, baseMsat, cores, memory, isolation: kept, fuel }
  })
}
