import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../contracts/keys/key.js'

/** A market that this node has founded or joined. */
export interface KnownMarket {
  key: Buffer
  /** Namespace of its cores in the store. */
  namespace: string
  /** Devices to be admitted as relays once they show their writers. */
  admissions: Buffer[]
}

interface MarketsFile {
  markets: { key: string; namespace: string; admissions: string[] }[]
}

/** Which markets a node keeps: a small file, replaced whole at each change. */
export class KnownMarkets {
  readonly #path: string
  readonly #markets = new Map<string, KnownMarket>()
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  get markets(): KnownMarket[] {
    return [...this.#markets.values()]
  }

  /** Throws bad input when the file is there and cannot be read. */
  async load(): Promise<void> {
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
    const saving = this.#writing.then(() => this.#write())
    this.#writing = saving.catch(() => undefined) // whoever waits for this write hears of it; the next may go on
    await saving
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
    const fresh = `${this.#path}.new`
    await writeDurably(fresh, JSON.stringify(file, null, 2) + '\n')
    await rename(fresh, this.#path)
    await sync(dirname(this.#path))
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
