import { COMPUTE_TABLES } from '../compute/tables.js'
import { DEAL_TABLES } from '../deal/tables.js'
import { PAYMENT_TABLES } from '../payment/tables.js'
import { ledgerChain } from '../payment/ledger/tables.js'
import { STORAGE_TABLES } from '../storage/tables.js'
import { defineTableOf, rawCodec } from '../store/definition.js'
import type { AnyChain, AnyTable } from '../store/definition.js'
import { text } from '../store/key.js'

/** What wallets remember, by the name of their ledger and the name of the value. */
export const walletTable = defineTableOf({
  name: 'wallet-memory',
  key: text,
  codec: rawCodec,
  owner: 'src/node',
  bound: { unbounded: 'each wallet has a few values' },
  forget: { text: 'never: a home may return to an earlier wallet' }
})

/** All tables of a home. */
export const TABLES = [
  ...PAYMENT_TABLES,
  ...DEAL_TABLES,
  ...STORAGE_TABLES,
  ...COMPUTE_TABLES,
  walletTable
] as readonly AnyTable[]

/** All chains of a home. */
export const CHAINS: readonly AnyChain[] = [ledgerChain as AnyChain]
