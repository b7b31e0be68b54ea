import { tableMaker } from '../store/definition.js'
import { bytes, parts, uint } from '../store/key.js'

const table = tableMaker('src/book')

/** One would prove it; more show what was shown to whom. */
export const FORKS_OF_A_MARKET = 8
export const MOST_FORKS = 256

/** Pairs of heads of one market's view that its founder has signed and that are not of one view, by market and length. */
export const forkTable = table('market-forks', parts(bytes(32), uint), 'market-fork', {
  rows: MOST_FORKS,
  forget: 'never: it is evidence against the founder of a market'
})

export const BOOK_TABLES = [forkTable]
