import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lease, TokenFile, TokenRange } from '#spec'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import { change } from '../../../store/change.js'
import type { Change } from '../../../store/change.js'
import type { Store } from '../../../store/store.js'
import type { TokenPlan } from '../../archive/token-recorder.js'
import { LEASE, isGivenUp } from '../../lease/lease-state.js'
import type { Leases } from '../../lease/leases.js'
import { mirrorTable, tokenTable } from '../../tables.js'
import { mirrorOf } from '../mirror-names.js'
import { isPacked } from '../mirror-state.js'
import { readHead, readToken } from './token-file.js'
import type { AuditToken } from './token-file.js'

/** Sets beside one for each copy, for copies that are made anew. */
const SPARE_SETS = 2
/** Most days for which there are tokens: 493 KB a set. */
const MOST_DAYS = 400
/** Days of tokens beyond the time that is bought, so that an extension has some. */
const SPARE_DAYS = 30
/** Most tokens of one challenge: after a longer absence, the last days. */
const MOST_AT_ONCE = 31
/** Of a set that no copy has. */
const NOBODY = Buffer.alloc(32)
/** By how much a packed drive may be larger than what was seen of its tree before. */
const GROWTH = 1.1

export interface TokensOptions {
  store: Store
  leases: Leases
  /** The folder of the files, one for each mirror. */
  folder: string
  now: () => number
}

/**
 * The audit tokens of the mirrors of this node. Each copy has a set of its own, with a token for each day; a token is used once,
 * on its day or later. No provider can tell what is asked of it before it is asked.
 */
export class Tokens {
  readonly #options: TokensOptions
  readonly #heads = new Map<string, TokenFile>()

  constructor(options: TokensOptions) {
    this.#options = options
  }

  /** The file of a mirror. */
  fileOf(mirror: string): string {
    return join(this.#options.folder, mirror)
  }

  /** The tokens that are made while a mirror is packed; `cores` are the most that its cores will have. */
  planFor(
    { copies, time, renew }: { copies: number; time: number; renew: boolean },
    cores: readonly { byteLength: number }[]
  ): TokenPlan {
    const days = renew ? MOST_DAYS : Math.min(MOST_DAYS, Math.ceil(time / DAY) + SPARE_DAYS)
    return {
      sets: copies + SPARE_SETS,
      days,
      spans: cores.map(({ byteLength }) => Math.ceil(byteLength * GROWTH))
    }
  }

  /** Reads what `due` needs to know. */
  async load(lease: Lease): Promise<void> {
    const mirror = this.#mirrorOf(lease)
    if (mirror) await this.#headOf(mirror)
  }

  /**
   * The unused tokens of a copy up to today, once they are loaded; null when there is none. `use` them in the same turn, in the write
   * that opens the challenge.
   */
  due(lease: Lease): TokenRange | null {
    // One that is to begin has the set of the lease before it only then.
    if (lease.state !== LEASE.STORED) return null
    const mirror = this.#mirrorOf(lease)
    const head = mirror ? this.#heads.get(mirror) : null
    if (!mirror || !head) return null
    const found = this.#setOf(mirror, lease) ?? this.#freeSet(mirror, lease, head)
    if (!found) return null
    const today = this.#today(head)
    const from = Math.max(found.next, today - MOST_AT_ONCE + 1)
    const to = Math.min(today, head.days - 1)
    return from <= to ? { set: found.set, from, to } : null
  }

  /** Notes that tokens of a copy are used. */
  use(lease: Lease, { set, to }: TokenRange): Change {
    const row = { lease: agreementId(lease.terms), next: to + 1 }
    return change(tokenTable, [this.#mirrorOf(lease)!, set], row)
  }

  /** Notes that the set of a copy is not to be used again: what is on our disk is not what was written. */
  spoil(lease: Lease, { set }: TokenRange): Change {
    const row = { lease: agreementId(lease.terms), next: Number.MAX_SAFE_INTEGER }
    return change(tokenTable, [this.#mirrorOf(lease)!, set], row)
  }

  /** The token of a set for a day; null when it cannot be read. */
  async read(lease: Lease, set: number, day: number): Promise<AuditToken | null> {
    const mirror = this.#mirrorOf(lease)
    const head = mirror && (await this.#headOf(mirror))
    return head ? readToken(this.fileOf(mirror), head, set, day) : null
  }

  /**
   * Notes that all tokens up to today are used: after this home was restored from an older copy, providers may have seen them, of
   * sets that this copy does not know to be theirs too.
   */
  async burn(): Promise<void> {
    const { store } = this.#options
    const table = store.table(tokenTable)
    for (const mirror of await this.#files()) {
      const head = await this.#headOf(mirror)
      if (!head) continue
      const changes = Array.from({ length: head.sets }, (_, set) => {
        const row = table.get([mirror, set]) ?? { lease: NOBODY, next: 0 }
        return change(tokenTable, [mirror, set], { ...row, next: Math.max(row.next, this.#today(head) + 1) })
      })
      await store.set(...changes)
    }
  }

  /** Deletes the tokens of mirrors that are not packed and have no copy any more. */
  async sweep(): Promise<void> {
    const { store, leases } = this.#options
    for (const mirror of await this.#files()) {
      const job = store.table(mirrorTable).get(mirror)
      const hasCopy = job?.agreements.some(id => {
        const lease = leases.get('buyer', id!)
        return lease !== null && !isGivenUp(lease)
      })
      if (job && (isPacked(job) || hasCopy)) continue
      await this.forget(mirror)
    }
  }

  /** Deletes the tokens of a mirror. */
  async forget(mirror: string): Promise<void> {
    const { store } = this.#options
    this.#heads.delete(mirror)
    const rows = [...store.table(tokenTable).list({ under: [mirror] })]
    // The file goes last: after a kill it is found again.
    if (rows.length > 0) await store.set(...rows.map(({ key }) => change(tokenTable, key, null)))
    await rm(this.fileOf(mirror), { force: true })
  }

  #mirrorOf(lease: Lease): string | null {
    return mirrorOf(this.#options.store, lease)?.store ?? null
  }

  /** The mirrors that have tokens. */
  async #files(): Promise<string[]> {
    try {
      return await readdir(this.#options.folder)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  #today({ made }: TokenFile): number {
    return Math.floor((this.#options.now() - made!) / DAY)
  }

  async #headOf(mirror: string): Promise<TokenFile | null> {
    const head = this.#heads.get(mirror) ?? (await readHead(this.fileOf(mirror)))
    if (head) this.#heads.set(mirror, head)
    return head
  }

  /** The set of a copy, or that of the last lease before it at the same provider that has one. */
  #setOf(mirror: string, { terms }: Lease): { set: number; next: number } | null {
    const { store, leases } = this.#options
    const table = store.table(tokenTable)
    for (
      let id: Buffer | null | undefined = agreementId(terms);
      id;
      id = leases.get('buyer', id)?.terms.follows
    ) {
      const row = table.first('lease', { under: id })
      if (row?.key[0] === mirror) return { set: row.key[1], next: row.value.next }
    }
    return null
  }

  /** A set that no copy has had; no copy may have the set of another one, which its provider knows. */
  #freeSet(mirror: string, lease: Lease, head: TokenFile): { set: number; next: number } | null {
    if (lease.terms.follows) return null
    const table = this.#options.store.table(tokenTable)
    for (let set = 0; set < head.sets; set++) {
      const row = table.get([mirror, set])
      if (!row || row.lease!.equals(NOBODY)) return { set, next: row?.next ?? 0 }
    }
    return null
  }
}
