import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../contracts/keys/key.js'
import type { BrokenMarket } from './faults/fault.js'
import { removeUnfinished, replaceDurably } from '../base/disk/atomic-file.js'
import { Mutex } from '../base/mutex.js'

/** The file of the list in the folder of the books. */
export const listIn = (dir: string): string => join(dir, 'markets.json')

/** A market that this node has founded or joined. */
export interface KnownMarket {
  key: Buffer
  /** Namespace of its cores in the store. */
  namespace: string
  /** Devices to admit as relays once they connect and show their writers. */
  admissions: Buffer[]
  /** Why it is not opened, and its name; absent: it is. */
  broken?: { name: string; reason: string }
  /** True when the user has left it: its cores are still here, and joined again it writes to the same ones. */
  isLeft?: boolean
}

type Saved = Omit<KnownMarket, 'key' | 'admissions'> & { key: string; admissions: string[] }

/** The list of a node's markets: a small file, replaced atomically at each change. */
export class KnownMarkets {
  readonly #path: string
  readonly #markets = new Map<string, KnownMarket>()
  readonly #mutex = new Mutex()

  constructor(path: string) {
    this.#path = path
  }

  /** Those of the joined ones that are not opened, and why. */
  get broken(): BrokenMarket[] {
    return this.markets.flatMap(({ key, broken }) => (broken ? { key, ...broken } : []))
  }

  /** The joined ones, also those that are broken. */
  get markets(): KnownMarket[] {
    return [...this.#markets.values()].filter(({ isLeft }) => !isLeft)
  }

  /** Namespaces in the store of all that were ever joined. */
  get namespaces(): string[] {
    return [...this.#markets.values()].map(({ namespace }) => namespace)
  }

  /** Throws CORRUPT when the file exists and cannot be read. */
  async load(): Promise<void> {
    await removeUnfinished(dirname(this.#path))
    await this.read()
  }

  /** Like `load`, for who changes nothing. */
  async read(): Promise<void> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return // nothing joined so far
      throw error
    }
    try {
      for (const saved of (JSON.parse(text) as { markets: Saved[] }).markets) {
        const { key, namespace, admissions, broken, isLeft } = saved
        this.#markets.set(key, {
          key: parseKey(key),
          namespace: String(namespace),
          admissions: admissions.map(d => parseKey(d)),
          ...(broken ? { broken: { name: String(broken.name), reason: String(broken.reason) } } : {}),
          ...(isLeft ? { isLeft } : {})
        })
      }
    } catch (error) {
      throw new BushelError(
        'CORRUPT',
        `${this.#path} is corrupt; nothing was changed`,
        'move it away and join the markets again'
      ).withCause(error)
    }
  }

  /** Also one that was left. */
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
    const file: { markets: Saved[] } = {
      markets: [...this.#markets.values()].map(market => ({
        ...market,
        key: formatKey(market.key),
        admissions: market.admissions.map(formatKey)
      }))
    }
    await mkdir(dirname(this.#path), { recursive: true })
    await replaceDurably(this.#path, JSON.stringify(file, null, 2) + '\n')
  }
}

/** The joined markets of a folder of books that no node has open, and the broken ones of them. */
export async function marketsOnDisk(dir: string): Promise<Pick<KnownMarkets, 'markets' | 'broken'>> {
  const known = new KnownMarkets(listIn(dir))
  await known.read()
  return known
}

/** Leaves a market in a folder of books that no node has open; it is not opened. False when it was not joined. */
export async function leaveOnDisk(dir: string, key: Buffer): Promise<boolean> {
  const known = new KnownMarkets(listIn(dir))
  await known.load()
  const market = known.get(key)
  if (!market || market.isLeft) return false
  await known.put(left(market))
  return true
}

/** A market as it is remembered once it was left: joined again it writes to the same cores, as one writer must. */
export function left({ key, namespace, admissions }: KnownMarket): KnownMarket {
  return { key, namespace, admissions, isLeft: true }
}
