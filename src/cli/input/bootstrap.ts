import { BushelError } from '../../../contracts/errors/error.js'
import type { Address } from '../../daemon/node-port.js'

const ADDRESS = /^([a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?):(\d{1,5})$/i

/** Parses `HOST:PORT,...`; null, for the public DHT, when nothing is given. Throws BAD_BOOTSTRAP. */
export function parseBootstrap(text: string | undefined): Address[] | null {
  if (text === undefined || text.trim() === '') return null
  return text.split(',').map(part => {
    const match = ADDRESS.exec(part.trim())
    const port = Number(match?.[2])
    if (match && port >= 1 && port <= 65_535) return { host: match[1]!, port }
    throw new BushelError(
      'BAD_BOOTSTRAP',
      `'${part.trim()}' is not the address of a bootstrap node`,
      'write --bootstrap HOST:PORT,... as `bushel dht` prints it, such as 127.0.0.1:49737'
    )
  })
}
