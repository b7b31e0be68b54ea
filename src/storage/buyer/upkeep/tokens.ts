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
  readonly #heads = new Map<string, Promise<TokenFile | null>>()

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

  /** The unused tokens of a copy up to today; null when there is none. `use` them in the write that opens the challenge. */
  async due(lease: Lease): Promise<TokenRange | null> {
    // One that is to begin has the set of the lease before it only then.
    if (lease.state !== LEASE.STORED) return null
    const mirror = this.#mirrorOf(lease)
    const head = mirror && (await this.#headOf(mirror))
    if (!head) return null
    const found = this.#setOf(mirror, lease) ?? this.#freeSet(mirror, lease, head)
    if (!found) return null
    const today = Math.floor((this.#options.now() - head.made) / DAY)
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

  /** The tokens of an open challenge; null when they cannot be read. */
  async read(lease: Lease, { set, from, to }: TokenRange): Promise<AuditToken[] | null> {
    const mirror = this.#mirrorOf(lease)
    const head = mirror && (await this.#headOf(mirror))
    if (!head) return null
    const tokens: AuditToken[] = []
    for (let day = from; day <= to; day++) {
      const token = await readToken(this.fileOf(mirror), head, set, day)
      if (!token) return null
      tokens.push(token)
    }
    return tokens
  }

  /**
   * Notes that all tokens of a lease up to today are used: after this home was restored from an older copy, a provider may have
   * seen them.
   */
  async burn(agreement: Buffer): Promise<void> {
    const { store, now } = this.#options
    const row = store.table(tokenTable).first('lease', { under: agreement })
    if (!row) return
    const head = await this.#headOf(row.key[0])
    const today = head ? Math.floor((now() - head.made) / DAY) : 0
    const next = Math.max(row.value.next, today + 1)
    await store.set(change(tokenTable, row.key, { ...row.value, next }))
  }

  /** Deletes the tokens of mirrors that are not packed and have no copy any more. */
  async sweep(): Promise<void> {
    const { store, folder, leases } = this.#options
    const isNone = (error: unknown): string[] => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return []
    }
    for (const mirror of await readdir(folder).catch(isNone)) {
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
    await rm(this.fileOf(mirror), { force: true })
    const rows = [...store.table(tokenTable).list({ under: [mirror] })]
    if (rows.length > 0) await store.set(...rows.map(({ key }) => change(tokenTable, key, null)))
  }

  #mirrorOf({ link }: Lease): string | null {
    if (!link) return null
    return this.#options.store.table(mirrorTable).first('link', { under: link })?.key ?? null
  }

  #headOf(mirror: string): Promise<TokenFile | null> {
    let head = this.#heads.get(mirror)
    if (!head) this.#heads.set(mirror, (head = readHead(this.fileOf(mirror))))
    return head
  }

  /** The set of a copy, or that of the lease that it follows at the same provider. */
  #setOf(mirror: string, { terms }: Lease): { set: number; next: number } | null {
    const table = this.#options.store.table(tokenTable)
    for (const id of [agreementId(terms), terms.follows]) {
      const row = id ? table.first('lease', { under: id }) : null
      if (row?.key[0] === mirror) return { set: row.key[1], next: row.value.next }
    }
    return null
  }

  /** A set that no copy has had; no copy may have the set of another one, which its provider knows. */
  #freeSet(mirror: string, lease: Lease, head: TokenFile): { set: number; next: number } | null {
    const sets = [...this.#options.store.table(tokenTable).list({ under: [mirror] })]
    if (sets.length >= head.sets || lease.terms.follows) return null
    return { set: sets.length, next: 0 }
  }
}
