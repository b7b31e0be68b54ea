import type { Audit, BlockProof, BlockReference, Lease, SealedCore, Spot, TokenAudit } from '#spec'
import { MAX_TOKEN_SAMPLES } from '../../../contracts/schema/counts.js'
import { MOST_SPAN, totalOf } from '../../../contracts/evidence/audit-token.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { TOKEN_ANSWERS } from '../../base/bounds/bounds.js'
import { KeyedTokenBuckets } from '../../base/token-bucket.js'
import type { Answer, Counterparty } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import { LEASE } from '../lease/lease-state.js'
import { idOf } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'
import type { AskedToken } from '../shelf/token-tags.js'

export interface AuditedShelf {
  /** See `tagsOf`. */
  tags(id: string, token: AskedToken, sealed: readonly SealedCore[]): Promise<Buffer>
  /** See `proofAt`. */
  proofAt(id: string, spot: { core: number; offset: number }, sealed: SealedCore): Promise<BlockProof>
  proofs(id: string, blocks: readonly BlockReference[]): Promise<BlockProof[]>
  /** Counts bytes sent outside of replication; false when the agreed egress does not cover them. */
  charge(id: string, bytes: number): boolean
}

const MAX_AUDIT_BYTES = 8 << 20
/** Leases whose use of token audits is remembered. */
const MOST_REMEMBERED = 4096

/** The provider's answers to audits: blocks of what was sealed with their proofs, and the tags of tokens. */
export class Audits {
  readonly #shelf: AuditedShelf
  readonly #leases: Leases
  /** By lease: a token is answered from many blocks. */
  readonly #tokens: KeyedTokenBuckets

  constructor(shelf: AuditedShelf, leases: Leases, now: () => number) {
    this.#shelf = shelf
    this.#leases = leases
    this.#tokens = new KeyedTokenBuckets(TOKEN_ANSWERS, MOST_REMEMBERED, now)
  }

  async answer(audit: Audit, peer: Counterparty): Promise<Answer<'audit'>> {
    if (audit.blocks.length === 0) throw new DeclineError('AUDIT', 'the audit asks for no block')
    const lease = this.#sealed(audit.seal, peer)
    if (!lease) throw new DeclineError('NO_SEAL', 'this node keeps nothing under that seal')
    for (const { core, index } of audit.blocks) {
      const sealed = lease.seal!.seal.cores[core]
      if (!sealed || index >= sealed.length)
        throw new DeclineError('AUDIT', 'the audit asks for a block that was never sealed')
    }
    const proofs: BlockProof[] = []
    let bytes = 0
    for (const block of audit.blocks) {
      const proof = await this.#proof(lease, block)
      bytes += proof.value!.byteLength
      if (bytes > MAX_AUDIT_BYTES)
        throw new DeclineError('AUDIT', 'the audit asks for more than 8 MiB; ask for fewer blocks at once')
      proofs.push(proof)
    }
    // The buyer's audits are free; an audit by anybody else counts as egress.
    if (!this.#isBuyer(lease, peer) && !this.#shelf.charge(idOf(lease), bytes)) {
      throw new DeclineError('EGRESS', 'the agreed egress is used up')
    }
    return { body: { nonce: audit.nonce, proofs } }
  }

  /** The tags of a token; for the buyer of the lease alone, for they cost many reads. */
  async token({ seal, key, samples, spans }: TokenAudit, peer: Counterparty): Promise<Answer<'token'>> {
    const lease = this.#bought(seal!, peer)
    const { cores } = lease.seal!.seal
    const isFair = samples > 0 && samples <= MAX_TOKEN_SAMPLES && spans.length >= cores.length
    const total = totalOf(spans)
    if (!isFair || total === 0 || total > MOST_SPAN)
      throw new DeclineError('AUDIT', 'the audit asks for what no token asks')
    if (!this.#tokens.spend(Buffer.from(idOf(lease)), 1))
      throw new DeclineError('AUDIT', 'more tokens were asked for than there are days; ask again later')
    const asked = { key: key!, samples, spans }
    return { body: { tags: await this.#kept(() => this.#shelf.tags(idOf(lease), asked, cores)) } }
  }

  /** The block with a byte of the ciphertext; for the buyer of the lease, when a tag is not what it expects. */
  async block({ seal, core, offset }: Spot, peer: Counterparty): Promise<Answer<'block'>> {
    const lease = this.#bought(seal!, peer)
    const sealed = lease.seal!.seal.cores[core]
    if (!sealed || offset >= sealed.byteLength)
      throw new DeclineError('AUDIT', 'the audit asks for a byte that was never sealed')
    if (!this.#tokens.spend(Buffer.from(idOf(lease)), 1))
      throw new DeclineError('AUDIT', 'more blocks were asked for than there are days; ask again later')
    return { body: await this.#kept(() => this.#shelf.proofAt(idOf(lease), { core, offset }, sealed)) }
  }

  /** The lease of a seal whose buyer asks. */
  #bought(seal: Buffer, peer: Counterparty): Lease {
    const lease = this.#sealed(seal, peer)
    if (!lease || !this.#isBuyer(lease, peer))
      throw new DeclineError('NO_SEAL', 'this node keeps nothing under that seal')
    return lease
  }

  /** A block with its proof. */
  async #proof(lease: Lease, block: BlockReference): Promise<BlockProof> {
    const [proof] = await this.#kept(() => this.#shelf.proofs(idOf(lease), [block]))
    return proof!
  }

  /** What the disk has lost is told to the buyer, and not left unanswered. */
  async #kept<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof BushelError) || !['BLOCK_MISSING', 'LEASE_NOT_FOUND'].includes(error.code))
        throw error
      throw new DeclineError('NO_BLOCK', 'this node has lost a block of it')
    }
  }

  /** The lease of a seal, while it is served; its buyer is answered in the grace too, and before it begins, for it audits before it pays. */
  #sealed(seal: Buffer, peer: Counterparty): Lease | null {
    const lease = this.#leases.sealed(seal)
    const buyers = lease ? this.#leases.takeovers.buyersOf(lease.terms).slice(0, -1) : []
    if (buyers.some(device => device.equals(peer.device)))
      throw new DeclineError('TAKEN_OVER', 'another device of its owner has taken the lease over')
    if (lease?.state === LEASE.STORED) return lease
    const isForBuyer = lease?.state === LEASE.GRACE || lease?.state === LEASE.NEXT
    return isForBuyer && this.#isBuyer(lease, peer) ? lease : null
  }

  #isBuyer({ terms }: Lease, { device }: Counterparty): boolean {
    return this.#leases.buyerOf(terms).device!.equals(device)
  }
}
