import { BOOK_TABLES } from '../book/tables.js'
import { DEAL_TABLES } from '../deal/tables.js'
import { PAYMENT_TABLES } from '../payment/tables.js'
import { ledgerChain } from '../payment/ledger/tables.js'
import { rawCodec, tableMaker } from '../store/definition.js'
import type { AnyChain, AnyTable } from '../store/definition.js'
import { text } from '../store/key.js'

const table = tableMaker('src/node')

/** What wallets remember, by the name of their ledger and the name of the value. */
export const walletTable = table('wallet-memory', text, rawCodec, {
  unbounded: 'each wallet has a few values',
  forget: 'never: a home may return to an earlier wallet'
})

/** All tables of a home whose node deals in these resources. */
export function tablesOf(resources: readonly { readonly tables: readonly AnyTable[] }[]): AnyTable[] {
  const shared = [...PAYMENT_TABLES, ...DEAL_TABLES, ...BOOK_TABLES, walletTable] as unknown as AnyTable[]
  return [...shared, ...resources.flatMap(({ tables }) => tables)]
}

/** All chains of a home. */
export const CHAINS: readonly AnyChain[] = [ledgerChain as AnyChain]
