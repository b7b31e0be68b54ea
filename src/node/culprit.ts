import { BushelError } from '../../contracts/errors/error.js'
import { NO_UDP } from '../network/reach/reachability.js'
import type { Reachability } from '../network/reach/reachability.js'

/** Errors that say somebody could not be reached. */
const UNREACHED: readonly string[] = [
  'COPIES_SHORT',
  'LINK_NOT_FOUND',
  'MARKET_NOT_REACHED',
  'NO_OFFER',
  'NO_RELAY',
  'PEER_GONE',
  'PEER_UNREACHABLE',
  'STALLED',
  'TIMEOUT'
]

/** Errors that blame the offers on a book. */
const OFFERS: readonly string[] = ['COPIES_SHORT', 'NO_OFFER', 'PRICE_TOO_LOW']

/**
 * The error with the right culprit: where this machine's own network lets nothing through, neither a market nor a peer is to
 * blame, and where no node of a market was reached, not the sellers.
 */
export function withCulprit(
  error: unknown,
  { reach }: Pick<Reachability, 'reach'>,
  isMarketReached: boolean
): unknown {
  if (!(error instanceof BushelError)) return error
  const { code, message } = error
  if (UNREACHED.includes(code) && reach === 'offline') return withoutUdp(error)
  if (!isMarketReached && OFFERS.includes(code))
    return new BushelError(
      code,
      `${message}; no node of a market is connected, so the book that this node has may be old or empty`,
      'see `bushel market list`, and try again when the founder or a relay is online'
    ).withCause(error)
  return error
}

/** The error of a search that found nobody. */
export function notFound(error: BushelError, { reach }: Pick<Reachability, 'reach'>): BushelError {
  return reach === 'offline' ? withoutUdp(error) : error
}

function withoutUdp(error: BushelError): BushelError {
  return new BushelError(
    error.code,
    `${error.message}; ${NO_UDP}`,
    'check the connection of this machine, let UDP out of its network and firewall, and run the same command again'
  ).withCause(error)
}
