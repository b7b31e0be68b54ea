import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import { Scope } from '../../base/scope.js'
import type { LightReader } from '../../book/light-reader.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import type { NodeContext } from '../context.js'

/** Reads a market that is not joined, through whichever of its relays answers first, and leaves nothing behind. */
export async function browsing<T>(
  node: NodeContext,
  key: Buffer,
  waitMs: number,
  use: (reader: LightReader) => Promise<T>
): Promise<T> {
  const topic = crypto.discoveryKey(key)
  const scope = new Scope()
  try {
    const reader = await new Promise<LightReader>((resolve, reject) => {
      const timer = setTimeout(() => reject(nobody(key, waitMs)), waitMs)
      scope.add(() => clearTimeout(timer))
      const onconnection = (stream: NoiseStream): void => {
        node.books.browse(key, stream).then(
          reader => {
            scope.add(() => reader.close()) // at once, when it comes after another was used
            resolve(reader)
          },
          () => undefined // this peer has not the market, or does not speak true of it: another may
        )
      }
      scope.on(node.network, 'connection', onconnection)
      node.network.streams.forEach(onconnection)
      node.network.join(topic, { server: false })
      scope.add(() => node.network.leave(topic))
    })
    return await use(reader)
  } finally {
    await scope.close()
  }
}

function nobody(key: Buffer, waitMs: number): BushelError {
  return new BushelError(
    'MARKET_NOT_FOUND',
    `no node of market ${formatKey(key)} was found in ${waitMs / 1000} s`,
    'check the key and the network (--bootstrap), and try again'
  )
}
