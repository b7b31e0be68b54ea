import { defineTable, defineTableOf, rawCodec } from '../store/definition.js'
import { bytes, parts, text } from '../store/key.js'
import { LEDGER_TABLES } from './ledger/tables.js'

/** Signed debts, by our role and agreement. */
export const debtTable = defineTable({
  name: 'debts',
  key: parts(text, bytes(32)),
  struct: 'debt-record',
  indexes: index => ({
    open: index(text, ({ role, state }) => (state === 'open' ? role : null)),
    openWith: index(parts(text, bytes(32)), ({ role, peer, state }) =>
      state === 'open' ? ([role, peer!] as const) : null
    )
  }),
  owner: 'src/payment',
  bound: { unbounded: 'one for each agreement that ended early, each with a signature of the other side' },
  forget: { text: 'never: a debt is evidence' }
})

/** The agreements of the debts from which installments are to be settled, by the hash of the installment. */
export const askedTable = defineTableOf({
  name: 'asked-credits',
  key: bytes(32),
  codec: rawCodec,
  indexes: index => ({ debt: index(bytes(32), agreement => agreement) }),
  owner: 'src/payment',
  bound: { unbounded: 'this node asks for one credit at a time for each of its leases' },
  forget: { text: 'when the debtor has answered' }
})

/** Spending limits as JSON, for play money and for real sats. */
export const limitTable = defineTableOf({
  name: 'spending-limits',
  key: text,
  codec: rawCodec,
  owner: 'src/payment',
  bound: { rows: 2 },
  forget: { text: 'never: the owner sets them' }
})

export const PAYMENT_TABLES = [...LEDGER_TABLES, debtTable, askedTable, limitTable]
