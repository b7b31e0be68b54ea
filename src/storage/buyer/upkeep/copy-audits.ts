import type { Audit, AuditRecord, BlockProof, Lease, TokenRange } from '#spec'
import {
  TAG_BYTES,
  isSpread,
  pieceOf,
  spotsOf,
  writeTag
} from '../../../../contracts/evidence/audit-token.js'
import type { Spot } from '../../../../contracts/evidence/audit-token.js'
import { provenOffset } from '../../../../contracts/evidence/proof.js'
import { isBlamed, isOurs } from '../../../../contracts/errors/error.js'
import { hashOf } from '../../../../contracts/schema/codec.js'
import type { BushelError } from '../../../../contracts/errors/error.js'
import { unlessAborted } from '../../../base/timeouts.js'
import type { DealChannel } from '../../../deal/channel.js'
import { isDeclined } from '../../../deal/decline.js'
import { judgeAudit } from '../../lease/audit.js'
import {
  UNTROUBLED,
  challengeOf,
  isOpen,
  lied,
  notAnswered,
  notReached,
  partsOf,
  withProven
} from '../../lease/challenge.js'
import { LEASE, isSealed } from '../../lease/lease-state.js'
import type { Leases } from '../../lease/leases.js'
import type { Timeouts } from '../../lease/timeouts.js'
import type { AuditToken } from './token-file.js'
import type { Tokens } from './tokens.js'

export interface CopyAuditContext {
  leases: Leases
  now: () => number
  tokens?: Tokens
}

export interface CopyAuditOptions {
  timeouts: Timeouts
  /** End of what is paid, ms since 1970. */
  paidUntil: () => number
  /** The error that says what the provider did. */
  lie: (why: string) => BushelError
}

/**
 * The audits of one copy. A challenge is on disk before it is sent and stays open until it is answered: who could be silent
 * whenever a block is asked for that is lost would else be asked for others.
 */
export class CopyAudits {
  readonly #context: CopyAuditContext
  readonly #options: CopyAuditOptions
  readonly #id: Buffer

  constructor(context: CopyAuditContext, id: Buffer, options: CopyAuditOptions) {
    this.#context = context
    this.#options = options
    this.#id = id
  }

  get #lease(): Lease {
    return this.#context.leases.get('buyer', this.#id)!
  }

  get #record(): AuditRecord {
    return this.#context.leases.auditOf(this.#id)
  }

  /** Samples that the open challenge asks for: blocks, or the tokens of so many days; 0 for none. */
  get samples(): number {
    const { challenge, tokens } = this.#record
    return challenge?.blocks.length ?? (tokens ? Math.max(1, tokens.to - tokens.from + 1) : 0)
  }

  /** The challenge that is open, or a new one: of unused tokens when they are wanted and there are some. On disk when it resolves. */
  async open({ byTokens = false } = {}): Promise<AuditRecord> {
    const { leases, now, tokens } = this.#context
    const before = this.#record
    if (isOpen(before)) {
      await leases.flushed()
      return before
    }
    if (byTokens) await tokens?.load(this.#lease)
    // Another audit may have been opened meanwhile. From here on all is one step: nobody else gets the same set.
    if (isOpen(this.#record)) return this.open()
    const lease = this.#lease
    const range = byTokens ? (tokens?.due(lease) ?? null) : null
    const { unreachable, gone, proven } = this.#record
    const asked = range ? { tokens: range } : { challenge: challengeOf(lease, before, now()) }
    const record = { ...UNTROUBLED, unreachable, gone, proven, ...asked }
    await leases.saveAudit(this.#id, record, ...(range ? [tokens!.use(lease, range)] : []))
    return record
  }

  /**
   * Holds the open audit, or a new one of random blocks with their proofs, and checks the answers; a provider that cannot show
   * what is asked is not paid. One audit of a copy at a time. Resolves to the samples that were proven.
   */
  hold(channel: DealChannel, signal: AbortSignal): Promise<number> {
    const { leases, now } = this.#context
    return leases.inTurn('buyer', this.#id, async () => {
      let samples: number
      try {
        samples = await this.#prove(channel, await this.open(), signal)
      } catch (error) {
        const why = await this.#whyOf(channel, error)
        if (!signal.aborted && !isOurs(why)) await this.#failed(why)
        throw why
      }
      const { proven, tokens } = this.#record
      // Those of tokens are recorded already.
      const record = { ...UNTROUBLED, proven: tokens ? proven : withProven(proven, now(), samples) }
      await leases.saveAudit(this.#id, record, leases.change({ ...this.#lease, audited: now() }))
      return samples
    })
  }

  /** Notes that the provider could not be reached. On disk when it resolves. */
  async missed(): Promise<void> {
    const { leases, now } = this.#context
    await leases.saveAudit(this.#id, notReached(this.#record, now()))
  }

  async #prove(channel: DealChannel, open: AuditRecord, signal: AbortSignal): Promise<number> {
    const held = open.tokens ? await this.#proveTokens(channel, open.tokens, signal) : null
    if (held !== null) return held
    const challenge = open.challenge ?? (await this.#instead())
    for (const part of partsOf(challenge)) await this.#proveBlocks(channel, part, signal)
    return challenge.blocks.length
  }

  /** Has a provider prove the blocks of one part of a challenge. */
  async #proveBlocks(channel: DealChannel, part: Audit, signal: AbortSignal): Promise<void> {
    const { seal } = this.#lease.seal!
    const asked = channel.request('audit', part, { timeoutMs: this.#options.timeouts.audit })
    const verdict = judgeAudit(seal, part, await unlessAborted(asked, signal))
    if (!verdict.ok) throw this.#options.lie(`it failed an audit: ${verdict.reason}`)
  }

  /** Puts random blocks in the place of tokens that cannot be used. On disk when it resolves. */
  async #instead(): Promise<Audit> {
    const { leases, now } = this.#context
    const challenge = challengeOf(this.#lease, { challenge: null }, now())
    await leases.saveAudit(this.#id, { ...this.#record, tokens: null, challenge })
    return challenge
  }

  /**
   * Has a provider answer tokens, each of which is recorded when it was: an audit that breaks off goes on after it. Null when they
   * cannot be used, because they are not on our disk as they were written.
   */
  async #proveTokens(channel: DealChannel, range: TokenRange, signal: AbortSignal): Promise<number | null> {
    const { leases, now, tokens } = this.#context
    let all = 0
    for (let day = range.from; day <= range.to; day++) {
      const token = (await tokens?.read(this.#lease, range.set, day)) ?? null
      if (!token) return null
      const samples = await this.#proveToken(channel, token, signal)
      if (samples === null) {
        await leases.saveAudit(this.#id, this.#record, tokens!.spoil(this.#lease, range))
        return null
      }
      const left = { ...range, from: day + 1 }
      const proven = withProven(this.#record.proven, now(), samples)
      await leases.saveAudit(this.#id, { ...this.#record, proven, tokens: left })
      all += samples
    }
    return all
  }

  /** The samples that were proven of all cores alike; null when the token is not what was written. */
  async #proveToken(channel: DealChannel, token: AuditToken, signal: AbortSignal): Promise<number | null> {
    const { seal } = this.#lease.seal!
    const { key, samples, spans } = token
    const sizes = seal.cores.map(({ byteLength }) => byteLength)
    if (spans.length < sizes.length) return null
    const spots = spotsOf(key, token, sizes)
    const request = { seal: hashOf('seal', seal), key, samples, spans: [...spans] }
    const asked = channel.request('token', request, { timeoutMs: this.#options.timeouts.audit })
    const tags = (await unlessAborted(asked, signal)).tags!
    if (tags.byteLength !== spots.length * TAG_BYTES)
      throw this.#options.lie(
        `it failed an audit: it answers ${tags.byteLength} bytes for ${spots.length} tags`
      )
    for (const [i, spot] of spots.entries()) {
      const [given, expected] = [tagAt(tags, i), tagAt(token.tags, spot.sample)]
      if (given.equals(expected)) continue
      const found = await this.#tagOf(channel, token, spot, signal)
      // Our record is rotten when the block itself, which its proof shows, has the tag that was given.
      if (given.equals(found)) return null
      throw this.#options.lie(
        `it failed an audit: byte ${spot.offset} of core ${spot.core} is not what was sealed`
      )
    }
    return spots.filter(({ sample }) => isSpread(sample)).length
  }

  /** The tag of a piece by the block itself, whose Merkle proof is asked for before anybody is condemned. */
  async #tagOf(channel: DealChannel, { key }: AuditToken, spot: Spot, signal: AbortSignal): Promise<Buffer> {
    const { seal } = this.#lease.seal!
    const { core, offset } = spot
    const request = { seal: hashOf('seal', seal), core, offset }
    const asked = channel.request('block', request, { timeoutMs: this.#options.timeouts.audit })
    const proof: BlockProof = await unlessAborted(asked, signal)
    const begin = proof.core === core ? provenOffset(proof, seal.cores[core]!) : null
    const block = proof.value ?? Buffer.alloc(0)
    if (begin === null || offset < begin || offset >= begin + block.byteLength)
      throw this.#options.lie(
        `it failed an audit: the block with byte ${offset} of core ${core} is not proven`
      )
    const tag = Buffer.alloc(TAG_BYTES)
    writeTag(tag, 0, key, pieceOf(block, offset - begin))
    return tag
  }

  /**
   * Why an audit failed. A provider that keeps nothing under the seal is asked for the lease: it may have ended it, and says
   * so. Otherwise it has lost what is paid for; after the paid time one of an earlier version says the same in the grace.
   */
  async #whyOf(channel: DealChannel, error: unknown): Promise<unknown> {
    const { timeouts, paidUntil, lie } = this.#options
    if (!isDeclined(error, 'NO_SEAL', 'NO_BLOCK') || this.#context.now() > paidUntil()) return error
    try {
      await channel.request('progress', { agreement: this.#id }, { timeoutMs: timeouts.answer })
    } catch (why) {
      if (isDeclined(why, 'ENDED', 'NO_AGREEMENT')) return why
      if (!isDeclined(why)) return error
    }
    return lie('it says that it does not have the copy').withCause(error)
  }

  /** Records a failed audit; after a lie the lease is given up in the same write. */
  async #failed(error: unknown): Promise<void> {
    const { leases, now } = this.#context
    const record = this.#record
    if (!isBlamed(error)) return leases.saveAudit(this.#id, notAnswered(record, now()))
    const lapsing = { ...this.#lease, state: LEASE.LAPSING, reason: error.message }
    const given = isSealed(this.#lease) ? [leases.change(lapsing)] : []
    await leases.saveAudit(this.#id, lied(record, now(), error.message), ...given)
  }
}

function tagAt(tags: Buffer, i: number): Buffer {
  return tags.subarray(i * TAG_BYTES, (i + 1) * TAG_BYTES)
}
