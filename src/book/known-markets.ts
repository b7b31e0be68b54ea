import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../contracts/keys/key.js'
import { removeUnfinished, replaceDurably } from '../base/atomic-file.js'
import { Mutex } from '../base/mutex.js'

/** A market that this node has founded or joined. */
export interface KnownMarket {
  key: Buffer
  /** Namespace of its cores in the store. */
  namespace: string
  /** Devices to admit as relays once they connect and show their writers. */
  admissions: Buffer[]
}

interface MarketsFile {
  markets: { key: string; namespace: string; admissions: string[] }[]
}

/** The list of a node's markets: a small file, replaced atomically at each change. */
export class KnownMarkets {
  readonly #path: string
  readonly #markets = new Map<string, KnownMarket>()
  readonly #mutex = new Mutex()

  constructor(path: string) {
    this.#path = path
  }

  get markets(): KnownMarket[] {
    return [...this.#markets.values()]
  }

  /** Throws BAD_INPUT when the file exists and cannot be read. */
  async load(): Promise<void> {
    await removeUnfinished(dirname(this.#path))
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return // nothing joined so far
      throw error
    }
    try {
      for (const { key, namespace, admissions } of (JSON.parse(text) as MarketsFile).markets) {
        const known = {
          key: parseKey(key),
          namespace: String(namespace),
          admissions: admissions.map(d => parseKey(d))
        }
        this.#markets.set(key, known)
      }
    } catch (error) {
      throw new BushelError(
        'CORRUPT',
        `${this.#path} is corrupt; nothing was changed`,
        'move it away and join the markets again'
      ).withCause(error)
    }
  }

  get(key: Buffer): KnownMarket | null {
    return this.#markets.get(formatKey(key)) ?? null
  }

  /** Resolves when it is on disk. */
  async put(market: KnownMarket): Promise<void> {
    this.#markets.set(formatKey(market.key), market)
    await this.#save()
  }

  async delete(key: Buffer): Promise<void> {
    if (this.#markets.delete(formatKey(key))) await this.#save()
  }

  async #save(): Promise<void> {
    await this.#mutex.run(() => this.#write())
  }

  async #write(): Promise<void> {
    const file: MarketsFile = {
      markets: this.markets.map(({ key, namespace, admissions }) => ({
        key: formatKey(key),
        namespace,
        admissions: admissions.map(formatKey)
      }))
    }
    await mkdir(dirname(this.#path), { recursive: true })
    await replaceDurably(this.#path, JSON.stringify(file, null, 2) + '\n')
  }
}
