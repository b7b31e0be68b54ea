import type { EventEmitter } from 'node:events'
import type { Books } from '../book/books.js'
import type { Market } from '../book/market.js'
import type { Scope } from '../base/scope.js'
import type { Network } from '../network/network.js'

export interface ForwardingOptions {
  books: Books
  network: Network
  /** Whether this node may forward for others. */
  isAllowed: boolean
  onfault: (error: unknown) => void
}

/**
 * Market relays forward for members that cannot reach each other. A relay that everybody can reach opens a forwarder and
 * tells its markets; every node knows the forwarders of the relays that it is connected to.
 */
export function startForwarding(
  scope: Scope,
  { books, network, isAllowed, onfault }: ForwardingOptions
): void {
  network.useForwarders(() => books.markets.flatMap(({ forwarders }) => forwarders))
  if (!isAllowed) return
  const relayed = (): Market[] => books.markets.filter(({ role }) => role !== 'reader')
  const knows = async (device: Buffer): Promise<boolean> => {
    if (network.dealings(device)) return true
    for (const market of relayed()) if (await market.isMember(device)) return true
    return false
  }
  let forwarder: Buffer | null = null
  const consider = async (): Promise<void> => {
    const isPublic = ['public', 'local'].includes(network.reachability.reach)
    if (isPublic && relayed().length > 0) forwarder ??= await network.forward(knows)
    for (const market of books.markets)
      market.forwardBy(isPublic && market.role !== 'reader' ? forwarder : null)
  }
  const again = (): void => void consider().catch(onfault)
  const watch = (market: Market): void => scope.on(market as unknown as EventEmitter, 'update', again)
  for (const market of books.markets) watch(market)
  scope.on(books, 'market', (market: Market) => {
    watch(market)
    again()
  })
  scope.on(network, 'reach', again)
  again()
}
