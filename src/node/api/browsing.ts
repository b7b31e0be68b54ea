import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
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
  const readers: LightReader[] = []
  let onconnection: (stream: NoiseStream) => void = () => undefined
  let timer: NodeJS.Timeout | undefined
  try {
    const reader = await new Promise<LightReader>((resolve, reject) => {
      timer = setTimeout(() => reject(nobody(key, waitMs)), waitMs)
      onconnection = stream => {
        node.books.browse(key, stream).then(
          reader => {
            readers.push(reader)
            resolve(reader)
          },
          () => undefined // this peer has not the market, or does not speak true of it: another may
        )
      }
      node.network.on('connection', onconnection)
      node.network.streams.forEach(onconnection)
      node.network.join(topic, { server: false })
    })
    return await use(reader)
  } finally {
    clearTimeout(timer)
    node.network.off('connection', onconnection)
    await node.network.leave(topic)
    await Promise.all(readers.map(reader => reader.close()))
  }
}

function nobody(key: Buffer, waitMs: number): BushelError {
  return new BushelError(
    'MARKET_NOT_FOUND',
    `nobody of market ${formatKey(key)} could be found in ${waitMs / 1000} s`,
    'check the key and the network (--bootstrap), and try again'
  )
}
