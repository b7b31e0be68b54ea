import type { Audit, BlockProof, BlockReference, Lease } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import type { Answer, Counterparty } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import { LEASE } from '../lease/lease-state.js'
import { idOf } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'

export interface AuditedShelf {
  proofs(id: string, blocks: readonly BlockReference[]): Promise<BlockProof[]>
  /** Counts bytes sent outside of replication; false when the agreed egress does not cover them. */
  charge(id: string, bytes: number): boolean
}

const MAX_AUDIT_BYTES = 8 << 20

/** The provider's answers to audits: blocks of what was sealed, with their proofs. */
export class Audits {
  readonly #shelf: AuditedShelf
  readonly #leases: Leases

  constructor(shelf: AuditedShelf, leases: Leases) {
    this.#shelf = shelf
    this.#leases = leases
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

  /** A block with its proof. One that the disk has lost is told to the buyer, and not left unanswered. */
  async #proof(lease: Lease, block: BlockReference): Promise<BlockProof> {
    try {
      const [proof] = await this.#shelf.proofs(idOf(lease), [block])
      return proof!
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
