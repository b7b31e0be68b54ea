import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { Books } from '../../src/book/books.js'

/** Serves the cores of the books on a connection, as a node does. */
export function serveCores(books: Books, stream: NoiseStream): void {
  Protomux.from(stream).pair({ protocol: 'hypercore/alpha' }, async discoveryKey => {
    if (discoveryKey) await books.serve(discoveryKey, stream)
  })
}
