import { rm, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { formatAmount, formatPrice } from '../../contracts/money/money.js'
import { formatSize, formatTime } from '../../contracts/money/quantity.js'
import type {
  StorageBook,
  Books,
  LeaseEntry,
  MarketResult,
  MirrorProgress,
  MirrorResult,
  RestoreResult,
  StatusResult
} from './answers.js'
import { loseCopy } from './loss-act.js'
import type { Seller } from './loss-act.js'
import { COPIES, LEAST_PAYMENTS, TIME, offersFor, packedSize, paymentsAt } from './plan.js'
import type { Offer } from './plan.js'
import type { BushelProcess } from './processes.js'
import { provenPayments } from './receipts.js'
import type { ProvenPayment } from './receipts.js'
import type { Stage } from './stage.js'
import { sha256OfTree, sizeOfTree } from './tree.js'
import type { TreeSize } from './tree.js'
import { count, seconds, short } from './words.js'

/** All of it at once, so that many installments can be seen. */
const AHEAD = ['--ahead', 'all', '--yes']

export interface StoryOptions {
  stage: Stage
  /** File or folder to mirror. */
  input: string
  /** Path of the input that the result names. */
  path: string
  /** Time limit of mirror and of restore, ms. */
  timeoutMs: number
}

/** A provider that stores a copy. */
export interface Holder {
  device: string
  offer: Offer
  lease: LeaseEntry
  payments: ProvenPayment[]
  /** Paid back to the buyer, msat. */
  refundedMsat: bigint
  /** Bytes of ciphertext that it sent to readers. */
  servedBytes: number
}

export interface Ending {
  path: string
  market: MarketResult
  mirror: MirrorResult
  restore: RestoreResult
  holders: Holder[]
  /** Balance checks of the buyer before it was killed, and of both providers at the end. */
  books: Books[]
  sourceSha256: string
  restoredSha256: string
}

interface OfferingSeller extends Seller {
  offer: Offer
}

/** Disk space that the demo needs for each byte of input: packed, two copies, restored, and a reserve. */
const DISK_FACTOR = 5

/** The storage part of the demo. Every node is a process of its own. Rejects when a step fails. */
export class Story {
  readonly #options: StoryOptions
  readonly #stage: Stage

  constructor(options: StoryOptions) {
    this.#options = options
    this.#stage = options.stage
  }

  async play(): Promise<Ending> {
    const { input } = this.#options
    const { voice } = this.#stage
    voice.act('The input')
    const tree = await this.#measure()
    const sourceSha256 = await sha256OfTree(input)
    voice.say(`   ${count(tree.files, 'file')}, ${formatSize(tree.bytes)}`, `   sha256 ${sourceSha256}`)

    voice.act('A private network and a market')
    const market = await this.#stage.found()

    voice.act('Three providers sell disk space')
    const sellers = await this.#sell(market, tree)

    voice.act(`A buyer mirrors it ${COPIES} times, for ${formatTime(TIME)}, paid ahead`)
    const { mirror, bought: first, buyer } = await this.#mirror(market)

    voice.act('A provider loses its disk, and the copy is made anew')
    const bought = await loseCopy(this.#stage, mirror.name, sellers, first)

    const books = [await this.#stage.audit('buyer', 'the buyer')]
    voice.act('The buyer is killed')
    await this.#die(buyer)

    voice.act('A reader with nothing but the link restores it')
    const { restore, restoredSha256 } = await this.#restore(mirror.link, sourceSha256)

    const holders = await this.#settle(sellers, bought)
    for (const { home, device } of sellers.filter(seller =>
      holders.some(one => one.device === seller.device)
    ))
      books.push(await this.#stage.audit(home, short(device)))
    const { path } = this.#options
    const ending = { path, market, mirror, restore, holders, books, sourceSha256, restoredSha256 }
    const fault = faultOf(ending)
    if (fault) throw new Error(fault)
    return ending
  }

  async #measure(): Promise<TreeSize> {
    const { input } = this.#options
    const { folder } = this.#stage
    const tree = await sizeOfTree(input)
    if (tree.files === 0) throw new Error(`${input} has no files`)
    const { bavail, bsize } = await statfs(folder)
    const needed = packedSize(tree).byteLength * DISK_FACTOR
    if (bavail * bsize < needed) {
      throw new Error(
        `the demo needs ${formatSize(needed)} under ${folder}, and ${formatSize(bavail * bsize)} are free`
      )
    }
    return tree
  }

  async #sell(market: MarketResult, tree: TreeSize): Promise<OfferingSeller[]> {
    const { voice } = this.#stage
    const sellers = await Promise.all(
      offersFor(tree).map(async (offer, i) => {
        const home = `provider-${i + 1}`
        const { device, process } = await this.#stage.up(home)
        await this.#stage.ask(home, ['market', 'join', market.key])
        const space = ['--space', `${offer.space}B`]
        await this.#stage.ask(home, ['sell', 'storage', ...space, '--price', `${offer.price} msat/TiB-month`])
        return { home, device, process, offer }
      })
    )
    const { asks } = await this.#stage.ask<StorageBook>('founder', ['book', 'storage'])
    voice.say('   the order book, best first:')
    for (const { device, space, price } of asks) {
      voice.say(`   ${short(device)}  ${formatSize(space).padStart(8)} at ${formatPrice(BigInt(price))}`)
    }
    const [best] = asks
    if (asks.length < sellers.length || !best)
      throw new Error(`only ${asks.length} of 3 offers are on the book`)
    const price = BigInt(best.price)
    voice.say(
      `   At ${formatPrice(price)} a copy for ${formatTime(TIME)} is paid in ${paymentsAt(price, tree)} installments.`
    )
    return sellers
  }

  async #mirror(
    market: MarketResult
  ): Promise<{ mirror: MirrorResult; bought: LeaseEntry[]; buyer: BushelProcess }> {
    const { input, timeoutMs } = this.#options
    const { voice } = this.#stage
    const { device, process } = await this.#stage.up('buyer')
    const { spendableMsat } = await this.#stage.ask<{ spendableMsat: string }>('buyer', ['wallet'])
    voice.say(`   ${short(device)} has ${formatAmount(BigInt(spendableMsat))} of play money`)
    await this.#stage.ask('buyer', ['market', 'join', market.key])
    const command = ['mirror', input, '--copies', String(COPIES), '--time', `${TIME / 3_600_000}h`, ...AHEAD]
    const mirror = await this.#stage.ask<MirrorResult>('buyer', command, {
      timeoutMs,
      online: line => this.#show(line as unknown as MirrorProgress)
    })
    const { leases } = await this.#stage.ask<{ leases: LeaseEntry[] }>('buyer', ['leases'])
    const bought = mirror.leases.flatMap(id => leases.filter(lease => lease.id === id))
    voice.say(
      `   packed and encrypted: ${formatSize(mirror.storedBytes)} in ${seconds(mirror.seconds.pack)}`,
      `   uploaded to ${bought.map(lease => short(lease.device)).join(' and ')} at the same time, and paid ` +
        `${formatAmount(BigInt(mirror.paidMsat))},`,
      `   installment by installment, each after an audit, in ${seconds(mirror.seconds.upload)}`,
      ...wrapLink(mirror.link)
    )
    return { mirror, bought, buyer: process }
  }

  #show(progress: MirrorProgress): void {
    const { voice } = this.#stage
    if (progress.event === 'note') voice.say(`   ${progress.message}`)
    if (progress.event === 'progress' && progress.total > 0) {
      const share = Math.floor((100 * progress.done) / progress.total)
      const all =
        progress.unit === 'bytes' ? formatSize(progress.total) : `${progress.total} ${progress.unit}`
      voice.draw(`   ${progress.step} ${share}% of ${all}`)
    }
    if (progress.event === 'payment') {
      const { provider, installment, of, msat } = progress
      voice.draw(
        `   paid ${formatAmount(BigInt(msat))} to ${short(provider)}, installment ${installment + 1} of ${of}`
      )
    }
  }

  async #die(buyer: BushelProcess): Promise<void> {
    const { signal } = await buyer.kill('SIGKILL')
    await rm(this.#stage.home('buyer'), { recursive: true, force: true })
    this.#stage.voice.say(
      `   process ${buyer.pid} ended by ${signal}; its home is deleted, with every key in it`
    )
  }

  async #restore(
    link: string,
    sourceSha256: string
  ): Promise<{ restore: RestoreResult; restoredSha256: string }> {
    const { input, timeoutMs } = this.#options
    const { folder, voice } = this.#stage
    await this.#stage.ask('reader', ['init'])
    // A single file keeps its name, because the name is part of the checksum.
    const dest = join(folder, 'restored', basename(input))
    const restore = await this.#stage.ask<RestoreResult>('reader', ['restore', link, dest], {
      timeoutMs,
      online: line => this.#show(line as unknown as MirrorProgress)
    })
    const restoredSha256 = await sha256OfTree(dest)
    voice.say(
      `   ${count(restore.files, 'file')}, ${formatSize(restore.bytes)} in ${seconds(restore.seconds)}`,
      `   sha256 ${restoredSha256}`,
      restoredSha256 === sourceSha256 ? '   the same checksum as the input' : '   A DIFFERENT checksum'
    )
    return { restore, restoredSha256 }
  }

  /** Reads the providers' leases and payments of the copies. */
  async #settle(sellers: OfferingSeller[], bought: LeaseEntry[]): Promise<Holder[]> {
    const holders = sellers.map(async ({ home, device, offer }): Promise<Holder[]> => {
      const { leases } = await this.#stage.ask<{ leases: LeaseEntry[] }>(home, ['leases'])
      const { resources } = await this.#stage.ask<StatusResult>(home, ['status'])
      const servedBytes = Number(resources['storage']!.facts['egressBytes'])
      return bought.flatMap(mine => {
        const lease = leases.find(({ id }) => id === mine.id)
        const payments = lease ? provenPayments(mine, lease) : []
        const refundedMsat = BigInt(mine.refundedMsat ?? 0)
        return lease ? [{ device, offer, lease, payments, refundedMsat, servedBytes }] : []
      })
    })
    return (await Promise.all(holders)).flat()
  }
}

/** Why the outcome is not the expected one; null when it is. */
function faultOf({ mirror, holders, books, sourceSha256, restoredSha256 }: Ending): string | null {
  if (restoredSha256 !== sourceSha256) return 'the restored files differ from the input'
  const kept = holders.filter(({ lease }) => lease.state === 'STORED')
  if (mirror.copies !== COPIES || kept.length !== COPIES)
    return `${kept.length} of ${COPIES} copies are stored`
  if (new Set(kept.map(({ device }) => device)).size < COPIES) return 'both copies are on one device'
  const paid = holders.flatMap(holder => holder.payments).reduce((sum, payment) => sum + payment.msat, 0n)
  for (const { who, check } of books) if (!check.ok) return `the ledger of ${who}: ${check.faults.join('; ')}`
  if (BigInt(books[0]!.check.paidMsat) !== paid) return 'the ledger of the buyer has paid another amount'
  for (const { device, lease, payments } of holders) {
    if (payments.length < LEAST_PAYMENTS) return `${short(device)} was paid only ${payments.length} times`
    if (payments.length !== lease.receipts.length) return `a receipt of ${short(device)} is not valid`
  }
  return null
}

function wrapLink(link: string): string[] {
  const half = Math.ceil(link.length / 2)
  return [`   ${link.slice(0, half)}`, `   ${link.slice(half)}`]
}
