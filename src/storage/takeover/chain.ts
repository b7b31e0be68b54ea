import type { SignedTakeover, Terms } from '#spec'
import { faultOfTakeover, isByTheWords } from '../../../contracts/keys/takeover.js'
import { change } from '../../store/change.js'
import type { Change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { cameTable } from '../tables.js'
import { MOST_TAKEOVERS } from './takeovers.js'

/** Takeovers of the owner's devices, by the device that was taken over. */
export type Chain = ReadonlyMap<string, SignedTakeover>

/** Those of the takeovers that the words of the identity have signed; of two of one device the later one. */
export function chainOf(takeovers: readonly SignedTakeover[], identity: Buffer): Chain {
  const chain = new Map<string, SignedTakeover>()
  for (const signed of [...takeovers].sort((a, b) => a.takeover.n - b.takeover.n)) {
    const { takeover } = signed
    const holds = takeover.identity.equals(identity) && !faultOfTakeover(signed) && isByTheWords(signed)
    if (holds) chain.set(takeover.from.toString('hex'), signed)
  }
  return chain
}

/** The takeovers by which leases of a device went on, the first one first. */
export function takeoversFrom(chain: Chain, device: Buffer): SignedTakeover[] {
  const all: SignedTakeover[] = []
  for (let at = device; all.length < MOST_TAKEOVERS;) {
    const next = chain.get(at.toString('hex'))
    if (!next || all.includes(next)) return all
    all.push(next)
    at = next.takeover.to
  }
  return all
}

/** The takeovers by which leases came to this device. */
export function cameBy(store: Store): SignedTakeover[] {
  return [...store.table(cameTable).list()].map(({ value }) => value)
}

/** The takeovers by which a lease came to this device, the first one first. */
export function takeoversOf(store: Store, { buyer }: Pick<Terms, 'buyer'>): SignedTakeover[] {
  return takeoversFrom(chainOf(cameBy(store), buyer.identity!), buyer.device!)
}

/** The devices that were the buyer of a lease that this node has bought or taken over, the first one first. */
export function ownBuyersOf(store: Store, terms: Pick<Terms, 'buyer'>): Buffer[] {
  return [terms.buyer.device!, ...takeoversOf(store, terms).map(({ takeover }) => takeover.to)]
}

export function cameChanges(chain: Chain): Change[] {
  return [...chain.values()].map(signed => change(cameTable, signed.takeover.from, signed))
}
