import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import { Scope } from '../../base/scope.js'
import type { LightReader } from '../../book/light-reader.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import type { NodeContext } from '../context.js'
import { notFound } from '../culprit.js'

/** The views of so many relays, or that of the founder, are enough; so are all when the market has fewer. */
const ENOUGH = 3
/** How long other relays may take after the first, ms. */
const AFTER_FIRST = 1000

/**
 * Reads a market without joining it, and deletes the blocks afterwards. One relay may show an old view: of several that
 * answer, the one whose view the founder has signed furthest is read.
 */
export async function browsing<T>(
  node: Pick<NodeContext, 'books' | 'network'>,
  key: Buffer,
  waitMs: number,
  use: (reader: LightReader) => Promise<T>
): Promise<T> {
  const topic = crypto.discoveryKey(key)
  const scope = new Scope()
  try {
    const reader = await new Promise<LightReader>((resolve, reject) => {
      const timer = setTimeout(() => reject(notFound(nobody(key, waitMs), node.network.reachability)), waitMs)
      scope.add(() => clearTimeout(timer))
      const readers: LightReader[] = []
      const onreader = (reader: LightReader): void => {
        scope.add(() => reader.close()) // closes at once when another reader was used
        readers.push(reader)
        const choose = (): void => resolve(furthest(readers))
        if (reader.isFounders || readers.length >= Math.min(ENOUGH, reader.relays)) return choose()
        if (readers.length > 1) return
        const others = setTimeout(choose, Math.min(AFTER_FIRST, waitMs))
        scope.add(() => clearTimeout(others))
      }
      const onconnection = (stream: NoiseStream): void => {
        // A peer that does not have the market or lies about it gives no reader.
        node.books.browse(key, stream).then(onreader, () => undefined)
      }
      scope.on(node.network, 'connection', onconnection)
      node.network.streams.forEach(onconnection)
      scope.add(node.network.seek(topic))
    })
    return await use(reader)
  } finally {
    await scope.close()
  }
}

function furthest(readers: readonly LightReader[]): LightReader {
  return readers.reduce((best, reader) => (reader.length > best.length ? reader : best))
}

function nobody(key: Buffer, waitMs: number): BushelError {
  return new BushelError(
    'MARKET_NOT_FOUND',
    `no node of market ${formatKey(key)} was found in ${waitMs / 1000} s`,
    'check the key and the network (--bootstrap), and try again'
  )
}
