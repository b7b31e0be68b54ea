import { mkdir, readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CoreLimit } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { removeUnfinished, replaceDurably, syncFolder } from '../../base/atomic-file.js'
import { codeOf } from '../../files/disk.js'

/** The part of a lease that the shelf needs to keep its cores; nothing about payments. */
export interface ShelfLease {
  /** The agreement's id as text: letters and digits, at most 64. */
  id: string
  cores: CoreLimit[]
  /** Total egress allowed, bytes. */
  egressBytes: number
}

/** A lease on the shelf. */
export interface ShelvedLease extends ShelfLease {
  /** Egress so far, bytes. */
  egressUsed: number
  /** True once every agreed block was on disk. */
  complete: boolean
}

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
    const leases: ShelvedLease[] = []
    const unreadable: string[] = []
    for (const name of await readdir(this.#folder)) {
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
    const { id, egressBytes, egressUsed, complete } = lease
    const cores = lease.cores.map(({ key, length, byteLength }) => ({
      key: key.toString('hex'),
      length,
      byteLength
    }))
    await replaceDurably(this.#path(id), JSON.stringify({ cores, egressBytes, egressUsed, complete }))
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
}

function parse(id: string, text: string): ShelvedLease | null {
  try {
    const { cores, egressBytes, egressUsed, complete } = JSON.parse(text) as StoredLease
    const lease: ShelvedLease = {
      id,
      egressBytes,
      egressUsed,
      complete,
      cores: cores.map(({ key, length, byteLength }) => ({
        key: Buffer.from(key, 'hex'),
        length,
        byteLength
      }))
    }
    const numbers = [egressBytes, egressUsed, ...cores.flatMap(core => [core.length, core.byteLength])]
    const whole = numbers.every(number => Number.isSafeInteger(number) && number >= 0)
    return whole && lease.cores.every(core => core.key.byteLength === 32) ? lease : null
  } catch {
    return null // reported by the caller, by name
  }
}
