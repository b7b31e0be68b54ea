import type { Terms } from '#spec'
import type { Counterparty } from '../channel.js'
import { DeclineError } from '../decline.js'
import type { Deals } from '../deals.js'

/** Declines terms that name other parties than the two of the connection, or another Lightning network. */
export function assertParties(
  { buyer, provider, network }: Pick<Terms, 'buyer' | 'provider' | 'network'>,
  from: Counterparty,
  deals: Deals
): void {
  const mine = deals.party
  const same =
    buyer.device.equals(from.device) &&
    buyer.identity.equals(from.identity) &&
    buyer.lightning!.equals(from.lightning) &&
    provider.device.equals(mine.device) &&
    provider.identity.equals(mine.identity) &&
    provider.lightning!.equals(mine.lightning!)
  if (!same) throw new DeclineError('PARTIES', 'the terms name other parties than the two of this connection')
  if (network !== deals.self.network) throw new DeclineError('NETWORK', 'another network')
}
