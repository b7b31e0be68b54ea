import type { MarketFork } from '#spec'
import type { Store } from '../store/store.js'
import { FORKS_OF_A_MARKET, MOST_FORKS, forkTable } from './tables.js'

/** The evidence against founders that have signed two views of one market. */
export interface Forks {
  /** Keeps it, unless enough is kept of its market. */
  keep(fork: MarketFork): Promise<void>
  of(market: Buffer): MarketFork[]
}

/** The evidence in the store of a home. */
export function storedForks(store: Store): Forks {
  return {
    of: market => [...store.table(forkTable).list({ under: [market] })].map(({ value }) => value),
    async keep(fork) {
      await store.write(transaction => {
        const table = transaction.table(forkTable)
        const key: [Buffer, number] = [fork.market, fork.second.length]
        const kept = [...table.list({ under: [fork.market] })].length
        if (table.has(key) || kept >= FORKS_OF_A_MARKET || table.count >= MOST_FORKS) return
        transaction.put(forkTable, key, fork)
      })
    }
  }
}

/** Evidence that is kept as long as the process runs, for books without a home. */
export function forksInMemory(): Forks {
  const forks: MarketFork[] = []
  const of = (market: Buffer): MarketFork[] => forks.filter(fork => fork.market.equals(market))
  return {
    of,
    async keep(fork) {
      if (of(fork.market).length < FORKS_OF_A_MARKET) forks.push(fork)
    }
  }
}
