import { existsSync } from 'node:fs'
import { join } from 'node:path'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors/error.js'
import type { Backend } from './backend/backend.js'
import { EmptyBackend } from './backend/empty-backend.js'
import { badStore } from './backend/errors.js'
import { LmdbBackend } from './backend/lmdb-backend.js'
import { Chain } from './chain.js'
import type { Change } from './change.js'
import { problemsOf } from './check.js'
import type { Check } from './check.js'
import type { AnyChain, AnyTable, ChainDefinition, Indexes, TableDefinition } from './definition.js'
import { everything, formatKey, seal, unseal } from './layout.js'
import { uint } from './key.js'
import { MIGRATIONS, copyOf, migrate } from './migrations.js'
import type { Migration } from './migrations.js'
import { Table } from './table.js'
import type { Source } from './table.js'
import { Transaction } from './transaction.js'

export interface StoreOptions {
  /** All that is in the store, so that it can be checked and listed. */
  tables: readonly AnyTable[]
  chains: readonly AnyChain[]
  /** For a command that reads while a node may be running; what it reads in one turn is of one moment. */
  readOnly?: boolean
  /** What the store stands on; LMDB when it is left out. */
  backend?: (folder: string) => Backend
  migrations?: readonly Migration[]
}

/**
 * The database of a home, in `<home>/store`. Opening brings an older format up to date, after a copy. Rejects with
 * OLD_FORMAT, STORE_TOO_NEW, BAD_STORE, DISK_FULL or STORE_FAILED, having changed nothing. Emits `failed` (BushelError) when
 * the disk has refused a change, see `failed`.
 */
export class Store extends ReadyResource {
  readonly folder: string
  readonly tables: readonly AnyTable[]
  readonly chains: readonly AnyChain[]
  #home: string
  #readOnly: boolean
  #migrations: readonly Migration[]
  #create: (folder: string) => Backend
  /** Null until it is opened. */
  #backend: Backend | null = null
  #source: Source
  #disk: Source
  #declared: ReadonlySet<unknown>
  #checks: Check[] = []

  constructor(
    home: string,
    { tables, chains, readOnly = false, backend, migrations = MIGRATIONS }: StoreOptions
  ) {
    super()
    this.#home = home
    this.folder = join(home, 'store')
    this.tables = tables
    this.chains = chains
    this.#readOnly = readOnly
    this.#migrations = migrations
    this.#create = backend ?? (folder => lmdb(folder, readOnly))
    this.#source = {
      folder: this.folder,
      get: key => this.#demandBackend().get(key),
      range: range => this.#demandBackend().range(range)
    }
    this.#disk = {
      folder: this.folder,
      get: key => this.#demandBackend().disk.get(key),
      range: range => this.#demandBackend().disk.range(range)
    }
    this.#declared = new Set<unknown>([...tables, ...chains])
    const names = [...tables.map(({ name }) => `table ${name}`), ...chains.map(({ name }) => `chain ${name}`)]
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice) throw new Error(`there are two of ${twice}`)
  }

  protected override async _open(): Promise<void> {
    if (!existsSync(this.folder) && existsSync(join(this.#home, 'journal', 'facts')))
      throw oldHome(this.#home)
    const backend = this.#create(this.folder)
    await backend.ready()
    try {
      await this.#bringUpToDate(backend)
    } catch (error) {
      await backend.close()
      throw error
    }
    this.#backend = backend
    backend.on('failed', (error: BushelError) => this.emit('failed', error))
  }

  protected override async _close(): Promise<void> {
    await this.#backend?.close()
  }

  /** Set after the disk refused a change: readers may then see changes that are not on disk, and nothing is written. */
  get failed(): BushelError | null {
    return this.#backend?.failed ?? null
  }

  get stats(): Backend['stats'] {
    return this.#demandBackend().stats
  }

  table<K, V, I extends Indexes<K, V>>(table: TableDefinition<K, V, I>): Table<K, V, I> {
    this.#demandDeclared(table)
    return new Table(table, this.#source)
  }

  /**
   * Reads a table as it is on disk: the changes of a write appear in it all at once, when they are flushed, and at the
   * latest when the promise of the write resolves.
   */
  tableOnDisk<K, V, I extends Indexes<K, V>>(table: TableDefinition<K, V, I>): Table<K, V, I> {
    this.#demandDeclared(table)
    return new Table(table, this.#disk)
  }

  chain<V>(chain: ChainDefinition<V>): Chain<V> {
    this.#demandDeclared(chain)
    return new Chain(chain, this.#source)
  }

  /**
   * Commits everything that `work` changes, or nothing when it throws. Readers see it when the call returns; it is on disk,
   * with all that was written before, when the promise resolves: await it before any outside act. A write that changes
   * nothing waits for the earlier ones. Rejects with STORE_FAILED, as all later ones do.
   */
  async write(work: (transaction: Transaction) => void): Promise<void> {
    if (this.#readOnly) throw new Error(`${this.folder} was opened for reading`)
    if (this.failed) throw this.failed
    const transaction = new Transaction(this.#source, this.#declared)
    const result: unknown = work(transaction)
    if (result instanceof Promise) throw new Error('a write must not be asynchronous')
    await this.#demandBackend().commit(transaction.changes())
  }

  /** Commits changes together, as `write` does. */
  async set(...changes: Change[]): Promise<void> {
    await this.write(transaction => {
      for (const change of changes) change.apply(transaction)
    })
    for (const { ondisk } of changes) ondisk?.()
  }

  /** Resolves when all that readers see is on disk. */
  async flushed(): Promise<void> {
    await this.#demandBackend().commit([])
  }

  /** Deletes rows by the rules of their tables, at most `limit` of each; resolves to how many. */
  async forget(now: number, limit = 1000): Promise<number> {
    let forgotten = 0
    await this.write(transaction => {
      for (const table of this.tables) {
        const { by, after = 0 } = table.forget
        if (by === undefined || now < after) continue
        for (const { key } of [...transaction.table(table).by(by, { lte: now - after, limit })]) {
          transaction.delete(table, key)
          forgotten++
        }
      }
    })
    return forgotten
  }

  /** Adds a check of another room; `run` gives a line for each problem. */
  registerCheck(name: string, run: () => Iterable<string>): void {
    this.#checks.push({ name, run })
  }

  /** Compares indexes with tables, counts with rows, and chains with their entries, and runs the registered checks. */
  *check(): Iterable<string> {
    yield* problemsOf(this.#source, this.tables, this.chains, this.#checks)
  }

  /** Copies all that is on disk to a folder, which is created. */
  async copy(folder: string): Promise<void> {
    await this.#demandBackend().copy(folder)
  }

  async #bringUpToDate(backend: Backend): Promise<void> {
    const current = this.#migrations.length + 1
    const sealed = backend.get(formatKey)
    if (!sealed) {
      for (const _ of backend.range({ ...everything, limit: 1 }))
        throw badStore(this.folder, 'it has rows and no format version')
      if (!this.#readOnly)
        await backend.commit([{ key: formatKey, value: seal(formatKey, uint.write(current)) }])
      return
    }
    const format = uint.read(unseal(this.folder, formatKey, sealed), 0).key
    if (format > current) throw tooNew(this.folder, format, current)
    if (format === current) return
    if (this.#readOnly) throw notMigrated(this.folder, format)
    await migrate(backend, this.folder, { format, migrations: this.#migrations, tables: this.tables })
  }

  #demandBackend(): Backend {
    if (!this.#backend) throw new BushelError('CLOSED', `${this.folder} is not open`)
    return this.#backend
  }

  #demandDeclared(definition: { name: string }): void {
    if (!this.#declared.has(definition))
      throw new Error(`${definition.name} was not declared when the store was opened`)
  }
}

function lmdb(folder: string, readOnly: boolean): Backend {
  return readOnly && !LmdbBackend.exists(folder) ? new EmptyBackend() : new LmdbBackend(folder, { readOnly })
}

function oldHome(home: string): BushelError {
  return new BushelError(
    'OLD_FORMAT',
    `${home} is a home of Bushel 0.1, whose records this version cannot read; nothing was changed`,
    "its identity, keys and wallet are still there: use 0.1 to end its leases and to spend its sats, and make another home with 'bushel init'"
  )
}

function notMigrated(folder: string, format: number): BushelError {
  return new BushelError(
    'OLD_FORMAT',
    `${folder} was written by an earlier version (format ${format}); nothing was changed`,
    `start the node once: it brings the store up to date, and keeps a copy in ${copyOf(folder, format)}`
  )
}

function tooNew(folder: string, format: number, current: number): BushelError {
  return new BushelError(
    'STORE_TOO_NEW',
    `${folder} was written by a later version (format ${format}, this version knows ${current}); nothing was changed`,
    'install that version again, or a later one'
  )
}
