import type { Countersign, Lease, Reissue, InstallmentList } from '#spec'
import { decode, encode, domain } from '../../../contracts/schema/codec.js'
import crypto from 'hypercore-crypto'
import { formatKey } from '../../../contracts/keys/key.js'
import { planInstallments } from '../../../contracts/money/installments.js'
import type { Installment } from '../../../contracts/money/installments.js'
import { STRIP_LENGTH } from '../../../contracts/schema/counts.js'
import { agreementId } from '../../../contracts/terms.js'
import type { Change, Facts } from '../../store/facts.js'
import { nullLogger } from '../../base/logger.js'
import type { Logger } from '../../base/logger.js'
import { KeyedMutex } from '../../base/mutex.js'
import { logLease } from './lease-log.js'
import { leaseStates } from './lease-state.js'

export { isOver } from './lease-state.js'
export type { LeaseState } from './lease-state.js'

export type LeaseRole = 'buyer' | 'provider'

const KIND = { buyer: 'lease-buyer', provider: 'lease-provider' } as const
const LISTS = 'installment-list'
const REISSUES = 'reissue'
const DECODED = 4096

/** The leases of this node in both roles, with their states. */
export class Leases {
  readonly #facts: Facts
  readonly #decoded = new Map<string, { bytes: Buffer; lease: Lease }>()
  readonly #mutex = new KeyedMutex()
  readonly #log: Logger

  /** `log` hears of every new state once it is on disk. */
  constructor(facts: Facts, log: Logger = nullLogger) {
    this.#facts = facts
    this.#log = log
  }

  get(role: LeaseRole, id: Buffer): Lease | null {
    const bytes = this.#facts.get(KIND[role], id)
    return bytes && this.#decode(role, id, bytes)
  }

  /**
   * Runs work on one lease after the other, for work that reads the lease's state, awaits, and then changes it: each
   * finds the state that the one before it left.
   */
  inTurn<T>(role: LeaseRole, id: Buffer, work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(role + id.toString('hex'), work)
  }

  /** Every lease of a role, with its id. */
  *list(role: LeaseRole): Generator<{ id: Buffer; lease: Lease }> {
    for (const { key, value } of this.#facts.list(KIND[role])) {
      yield { id: key, lease: this.#decode(role, key, value) }
    }
  }

  /** Every lease is written by this change, so that none skips the table of its states. */
  change(lease: Lease): Change {
    const role = lease.role as LeaseRole
    const key = agreementId(lease.terms)
    const before = this.get(role, key)?.state ?? null
    leaseStates.transition(role, before, lease.state, this.#log)
    return {
      kind: KIND[role],
      key,
      value: encode('lease', lease),
      ondisk: () => {
        if (lease.state !== before) logLease(this.#log, lease, before)
      }
    }
  }

  /** On disk when it resolves. */
  async save(lease: Lease): Promise<void> {
    await this.#facts.set(this.change(lease))
  }

  /** The countersigned list of installments that begins with installment `from`. */
  strip(role: LeaseRole, id: Buffer, from: number): Countersign | null {
    if (from === 0) return this.get(role, id)?.countersign ?? null
    const bytes = this.#facts.get(LISTS, listKey(role, id, from))
    return bytes && decode('countersign', bytes)
  }

  /** All known signed installments of an agreement. */
  lists(role: LeaseRole, id: Buffer): InstallmentList['installments'] {
    const installments: InstallmentList['installments'] = []
    for (;;) {
      const strip = this.strip(role, id, installments.length)
      if (!strip || strip.list.installments.length === 0) return installments
      installments.push(...strip.list.installments)
    }
  }

  listChange(role: LeaseRole, id: Buffer, from: number, countersign: Countersign): Change {
    return { kind: LISTS, key: listKey(role, id, from), value: encode('countersign', countersign) }
  }

  async saveList(role: LeaseRole, id: Buffer, from: number, countersign: Countersign): Promise<void> {
    await this.#facts.set(this.listChange(role, id, from, countersign))
  }

  /** The reissue with this new payment hash: the void of the old hash and the signed list with the new one. */
  reissue(hash: Buffer): Reissue | null {
    const bytes = this.#facts.get(REISSUES, hash)
    return bytes && decode('reissue', bytes)
  }

  reissueChange(hash: Buffer, reissue: Reissue): Change {
    return { kind: REISSUES, key: hash, value: encode('reissue', reissue) }
  }

  async saveReissue(hash: Buffer, reissue: Reissue): Promise<void> {
    await this.#facts.set(this.reissueChange(hash, reissue))
  }

  #decode(role: LeaseRole, id: Buffer, bytes: Buffer): Lease {
    const key = role + id.toString('hex')
    const known = this.#decoded.get(key)
    if (known?.bytes === bytes) return known.lease
    const lease = decode('lease', bytes)
    if (this.#decoded.size >= DECODED) this.#decoded.clear()
    this.#decoded.set(key, { bytes, lease })
    return lease
  }
}

function listKey(role: LeaseRole, id: Buffer, from: number): Buffer {
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(from)
  return crypto.hash([domain(`list/${role}`), id, tail])
}

const schedules = new WeakMap<object, Installment[]>()

/** The installments of a lease, computed once. */
export function installmentsOf(lease: Lease): Installment[] {
  let installments = schedules.get(lease.terms)
  if (!installments) schedules.set(lease.terms, (installments = planInstallments(lease.terms)))
  return installments
}

/**
 * End of the time that the first `paid` installments pay for, ms since 1970. Without a start it counts from the commit,
 * and without a commit from the latest time for one: a payment that was pending when the lease was given up may still
 * turn out to be made, and what it paid for is not over then.
 */
export function paidUntil(lease: Lease, paid: number): number {
  const begin = lease.start || lease.committed || (paid > 0 ? lease.terms.startBy : 0)
  return paid === 0
    ? begin
    : begin + installmentsOf(lease)[Math.min(paid, installmentsOf(lease).length) - 1]!.end
}

/** First installment of the strip that contains `installment`. */
export function stripOf(installment: number): number {
  return installment - (installment % STRIP_LENGTH)
}

/** Agreed ciphertext bytes, without the overhead per block. */
export function bytesOf(lease: Lease): number {
  return lease.terms.cores.reduce((sum, core) => sum + core.byteLength, 0)
}

export function idOf(lease: Lease): string {
  return formatKey(agreementId(lease.terms))
}

/** The entry of a list for one installment, or null. */
export function listedOf(
  list: InstallmentList,
  installment: number
): InstallmentList['installments'][number] | null {
  return list.installments.find(listed => listed.installment === installment) ?? null
}
