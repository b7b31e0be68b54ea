import type Hypercore from 'hypercore'
import type { MarketFork, SignedHead } from '#spec'
import { founderOf, isSigned, signedHeadOf } from './signed-head.js'

/** Signed heads that are remembered for comparison; the oldest is forgotten. */
const REMEMBERED = 256
/** Most heads that are kept until this node can tell who the founder is. */
const MOST_EARLY = 32

export interface WitnessOptions {
  market: Buffer
  view: () => Hypercore
  now: () => number
  /** Called with two heads that the founder has signed and that are not of one view. */
  onfork: (fork: MarketFork) => Promise<void>
}

/**
 * Compares the signed heads of the view that the peers show with each other and with this node's own. A view only grows,
 * so two different heads at one length prove that the founder showed two views.
 */
export class Witness {
  readonly #options: WitnessOptions
  /** By length, the oldest first. */
  readonly #seen = new Map<number, SignedHead>()
  /** Lengths of heads beyond this node's own, which are compared once it is as long. */
  readonly #ahead = new Set<number>()
  #own: SignedHead | null = null
  /** Heads that came before this node had anything of the view. */
  readonly #early: SignedHead[] = []

  constructor(options: WitnessOptions) {
    this.#options = options
  }

  /** The head that the founder signed last, as this node has it. */
  get own(): SignedHead | null {
    return signedHeadOf(this.#options.view())
  }

  /** True when a peer has shown a head that the founder has signed and that this node does not reach. */
  get isBehind(): boolean {
    return Math.max(...this.#ahead) > (this.own?.length ?? 0)
  }

  /** Takes a head that a peer shows. False when the founder has not signed it. */
  async take(head: SignedHead): Promise<boolean> {
    const { market, view } = this.#options
    const founder = founderOf(view(), market)
    if (!founder) {
      if (this.#early.length < MOST_EARLY) this.#early.push(head)
      return true // this node has nothing of the view yet
    }
    if (!isSigned(head, view().key, founder)) return false
    await this.#compare(head)
    return true
  }

  /** Takes the head that this node has now, and compares it with those of peers that were ahead. */
  async follow(): Promise<void> {
    const { own } = this
    if (!own || own.length === this.#own?.length) return
    this.#own = own
    await this.#compare(own)
    for (const head of this.#early.splice(0)) await this.take(head)
    for (const length of [...this.#ahead].filter(length => length <= own.length)) {
      this.#ahead.delete(length)
      const head = this.#seen.get(length)
      if (head) await this.#compareWithOwn(head)
    }
  }

  async #compare(head: SignedHead): Promise<void> {
    const known = this.#seen.get(head.length)
    if (known?.hash.equals(head.hash)) return
    if (known) return this.#tell(known, head, known.hash)
    this.#seen.set(head.length, head)
    const [oldest] = this.#seen.keys()
    if (this.#seen.size > REMEMBERED && oldest !== undefined) {
      this.#seen.delete(oldest)
      this.#ahead.delete(oldest)
    }
    await this.#compareWithOwn(head)
  }

  async #compareWithOwn(head: SignedHead): Promise<void> {
    const { own } = this
    if (!own || head.length > own.length) {
      this.#ahead.add(head.length)
      return
    }
    const hash = head.length === own.length ? own.hash : await this.#hashAt(head.length)
    if (hash && !hash.equals(head.hash)) await this.#tell(own, head, hash)
  }

  /** Null when this node does not have enough of the tree: it does not ask others for it. */
  async #hashAt(length: number): Promise<Buffer | null> {
    const core = this.#options.view().session({ wait: false })
    try {
      return await core.treeHash(length)
    } catch {
      return null
    } finally {
      await core.close()
    }
  }

  async #tell(first: SignedHead, second: SignedHead, hash: Buffer): Promise<void> {
    const { market, view, now, onfork } = this.#options
    const founder = founderOf(view(), market)!
    await onfork({ market, view: view().key, founder, found: now(), first, second, hash })
  }
}
