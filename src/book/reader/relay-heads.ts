import type { BookHead } from '#spec'
import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'
import type { RelayRecord } from './relay-record.js'

/** Most relays that are asked for their heads. */
const MOST_ASKED = 16
/** The heads of so many relays, or those of the founder, are enough; so are all when the market has fewer. */
const ENOUGH = 3
/** How long an answer may take, and how long the others may take after the first of them, ms. */
const ANSWER_TIMEOUT = 5000
const AFTER_FIRST = 1000
/** How long after the first peer came this node waits for further relays, ms. */
const GATHERING = 1500
/** Heads of a relay that bring nothing for so long, ms, while another's are covered, are not believed. */
const UNPROVEN = 3000

/** A peer that tells its heads. */
export interface HeadsPeer {
  readonly device: Buffer
  readonly closed: boolean
  heads(timeoutMs: number): Promise<BookHead[]>
}

export interface RelayHeadsOptions {
  peers: {
    readonly all: readonly HeadsPeer[]
    /** In the order in which to ask them. */
    readonly relays: readonly HeadsPeer[]
    readonly record: RelayRecord
    /** When the first of the peers came, on the monotonic clock; null without peers. */
    readonly since: number | null
    /** `change`: a peer came or went. */
    on(event: 'change', listener: () => void): unknown
    off(event: 'change', listener: () => void): unknown
  }
  /** Number of relays of the market, as far as this node knows, without itself. */
  known: () => number
  isFounder: (device: Buffer) => boolean
  /** True when the view includes everything up to these heads, after applying what has arrived. */
  covers: (heads: BookHead[]) => Promise<boolean>
  /** Grows when something has arrived. */
  progress: () => number
  /** True when a peer has shown a head that the founder has signed and that this node's view does not reach. */
  isBehindSigned: () => boolean
  clock?: Clock
}

interface Answer {
  device: Buffer
  heads: BookHead[]
}

/**
 * Compares the view with the heads of the relays. One relay may show an old view, and one may claim heads that nobody can
 * give: so all are asked, and every one that answers in time has to be covered, except those that failed before.
 */
export class RelayHeads {
  readonly #options: RelayHeadsOptions
  readonly #clock: Clock
  /** Relays whose heads are not covered while another's are: since when nothing more has come. */
  readonly #unproven = new Map<string, { since: number; progress: number }>()

  constructor(options: RelayHeadsOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** True when the view includes what enough relays (or, without relays, some peer) have. */
  async areCovered(): Promise<boolean> {
    const { peers, covers, isBehindSigned } = this.#options
    const { record } = peers
    const areRelays = peers.relays.length > 0
    const answers = await this.#answers(() => (areRelays ? peers.relays : peers.all), areRelays)
    const judged: (Answer & { isCovered: boolean })[] = []
    for (const answer of answers) judged.push({ ...answer, isCovered: await covers(answer.heads) })
    const covered = judged.filter(({ isCovered }) => isCovered)
    if (covered.length === 0 || isBehindSigned()) return false
    if (!areRelays) return true
    const behind = judged.filter(({ device, isCovered }) => !isCovered && !record.hasFailed(device))
    this.#follow(
      covered.map(({ device }) => device),
      behind.map(({ device }) => device)
    )
    return behind.length === 0 && this.#isEnough(covered)
  }

  #isEnough(covered: readonly Answer[]): boolean {
    const { known, isFounder, peers } = this.#options
    if (covered.length >= Math.min(ENOUGH, known())) return true
    if (covered.some(({ device }) => isFounder(device))) return true
    return peers.since !== null && this.#clock.monotonic() - peers.since >= GATHERING
  }

  /**
   * The answers of those that answer in time, also of peers that come meanwhile. One that failed before is not waited for
   * when another answers.
   */
  async #answers(toAsk: () => readonly HeadsPeer[], areRelays: boolean): Promise<Answer[]> {
    const { peers } = this.#options
    const gaps = this.#clock.gaps()
    const answers: Answer[] = []
    const asked = new Set<HeadsPeer>()
    const open = new Set<HeadsPeer>()
    let cancel = (): void => undefined
    let askNew = (): void => undefined
    try {
      return await new Promise(resolve => {
        const look = (): void => {
          const isFirst = answers.length === 0
          const isAwaited = [...open].some(({ device }) => isFirst || !peers.record.hasFailed(device))
          if (!isAwaited) resolve([...answers])
        }
        const ask = async (peer: HeadsPeer): Promise<void> => {
          asked.add(peer)
          open.add(peer)
          try {
            const heads = await peer.heads(ANSWER_TIMEOUT)
            answers.push({ device: peer.device, heads })
            if (answers.length === 1)
              cancel = this.#clock.after(AFTER_FIRST, () => resolve([...answers]), { unref: true })
          } catch {
            // Silence is remembered; a peer that has left, or that was asked before we slept, did nothing wrong.
            if (areRelays && !peer.closed && gaps === this.#clock.gaps()) peers.record.failed(peer.device)
          }
          open.delete(peer)
          look()
        }
        askNew = () => {
          for (const peer of toAsk()) if (!asked.has(peer) && asked.size < MOST_ASKED) void ask(peer)
        }
        peers.on('change', askNew)
        askNew()
        look()
      })
    } finally {
      cancel()
      peers.off('change', askNew)
    }
  }

  /** Stops believing a relay whose heads bring nothing, so that one that claims too much holds up nothing for long. */
  #follow(covered: readonly Buffer[], behind: readonly Buffer[]): void {
    const { peers, progress } = this.#options
    for (const device of covered) this.#unproven.delete(device.toString('hex'))
    for (const device of behind) {
      const id = device.toString('hex')
      const claim = this.#unproven.get(id)
      if (!claim || claim.progress !== progress()) {
        this.#unproven.set(id, { since: this.#clock.monotonic(), progress: progress() })
      } else if (this.#clock.monotonic() - claim.since >= UNPROVEN) {
        this.#unproven.delete(id)
        peers.record.failed(device)
      }
    }
    for (const id of this.#unproven.keys()) {
      if (this.#unproven.size <= MOST_ASKED) break
      this.#unproven.delete(id)
    }
  }
}
