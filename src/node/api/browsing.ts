import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import { Scope } from '../../base/scope.js'
import type { LightReader } from '../../book/light-reader.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import type { NodeContext } from '../context.js'

/** Reads a market without joining it, through the first relay that answers, and deletes the blocks afterwards. */
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
            scope.add(() => reader.close()) // closes at once when another reader was used
            resolve(reader)
          },
          () => undefined // this peer does not have the market or lies about it: try another
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
