import { mkdir, readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CoreLimit } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { removeUnfinished, replaceDurably, syncFolder } from '../../base/disk/atomic-file.js'
import { codeOf, orNothing } from '../../files/disk.js'

/** The part of a lease that the shelf needs to keep its cores; nothing about payments. */
export interface ShelfLease {
  /** The agreement's id as text: letters and digits, at most 64. */
  id: string
  cores: CoreLimit[]
  /** What readers may fetch in all, bytes. */
  egressBytes: number
  /** Readers prove that they know this key; null, and by default: anyone who knows the cores' keys may read. */
  readKey?: Buffer | null
  /** The device of the lease's buyer, which may read. */
  owner?: Buffer | null
  /** See `Holder.group`; letters and digits, empty by default. */
  group?: string
}

/** A lease on the shelf. */
export interface ShelvedLease extends Required<ShelfLease> {
  /** What readers have fetched, bytes. */
  egressUsed: number
  /** What the owner has fetched, bytes, in all and before `ownerSince`. */
  ownerUsed: number
  ownerBefore: number
  /** When the time began after which the owner may fetch a size again, ms since 1970; 0: it has fetched nothing. */
  ownerSince: number
  /** True once every agreed block was on disk. */
  complete: boolean
  /** What other providers have fetched for repairs since `repairSince`, bytes. */
  repairUsed: number
  /** ms since 1970; 0: nothing was. */
  repairSince: number
}

const GROUP = /^[0-9a-z]{0,64}$/
const NAME = /^([0-9a-z]{1,64})\.json$/

/** One small file per lease, replaced atomically; an unreadable file does not affect the others. */
export class LeaseFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async read(): Promise<{ leases: ShelvedLease[]; unreadable: string[] }> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await removeUnfinished(this.#folder)
    return await this.peek()
  }

  /** Like `read`, for who changes nothing; a folder that is not there has none. */
  async peek(): Promise<{ leases: ShelvedLease[]; unreadable: string[] }> {
    const leases: ShelvedLease[] = []
    const unreadable: string[] = []
    for (const name of await readdir(this.#folder).catch(orNothing([]))) {
      const id = NAME.exec(name)?.[1]
      if (id === undefined) continue
      const path = join(this.#folder, name)
      const lease = parse(id, await readFile(path, 'utf8'))
      if (lease) leases.push(lease)
      else unreadable.push(path)
    }
    return { leases, unreadable }
  }

  async write(lease: ShelvedLease): Promise<void> {
    const { id, egressBytes, egressUsed, complete, group, repairUsed, repairSince } = lease
    const { ownerUsed, ownerBefore, ownerSince } = lease
    const [readKey, owner] = [lease.readKey, lease.owner].map(key => key?.toString('hex') ?? null)
    const cores = lease.cores.map(({ key, length, byteLength }) => ({
      key: key.toString('hex'),
      length,
      byteLength
    }))
    await replaceDurably(
      this.#path(id),
      JSON.stringify({
        ...{ cores, egressBytes, egressUsed, complete, readKey, owner, group },
        ...{ ownerUsed, ownerBefore, ownerSince, repairUsed, repairSince }
      })
    )
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id)).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
    await syncFolder(this.#folder)
  }

  #path(id: string): string {
    const name = `${id}.json`
    if (!NAME.test(name)) throw new BushelError('BAD_INPUT', `'${id}' is not a lease id`)
    return join(this.#folder, name)
  }
}

interface StoredLease {
  cores: { key: string; length: number; byteLength: number }[]
  egressBytes: number
  egressUsed: number
  complete: boolean
  readKey: string | null
  owner: string | null
  group: string
  ownerUsed?: number
  ownerBefore?: number
  ownerSince?: number
  repairUsed?: number
  repairSince?: number
}

function parse(id: string, text: string): ShelvedLease | null {
  try {
    const stored = JSON.parse(text) as StoredLease
    const { cores, egressBytes, egressUsed, complete, readKey, owner, group } = stored
    const { repairUsed = 0, ownerUsed = 0, ownerBefore = 0 } = stored
    // Times of a clock that is not followed had a fraction.
    const [repairSince, ownerSince] = [stored.repairSince ?? 0, stored.ownerSince ?? 0].map(Math.floor) as [
      number,
      number
    ]
    if (typeof group !== 'string' || !GROUP.test(group)) return null
    const lease: ShelvedLease = {
      id,
      egressBytes,
      egressUsed,
      complete,
      group,
      ...{ ownerUsed, ownerBefore, ownerSince, repairUsed, repairSince },
      readKey: readKey === null ? null : Buffer.from(readKey, 'hex'),
      owner: owner === null ? null : Buffer.from(owner, 'hex'),
      cores: cores.map(({ key, length, byteLength }) => ({
        key: Buffer.from(key, 'hex'),
        length,
        byteLength
      }))
    }
    const counts = [egressBytes, egressUsed, ownerUsed, ownerBefore, ownerSince, repairUsed, repairSince]
    const numbers = [...counts, ...cores.flatMap(core => [core.length, core.byteLength])]
    const whole = numbers.every(number => Number.isSafeInteger(number) && number >= 0)
    return whole && lease.cores.every(core => core.key.byteLength === 32) ? lease : null
  } catch {
    return null // reported by the caller, by name
  }
}
