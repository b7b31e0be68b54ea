import { rawCodec, tableMaker } from '../store/definition.js'
import { bytes, parts, text } from '../store/key.js'
import { LEDGER_TABLES } from './ledger/tables.js'

const table = tableMaker('src/payment')

/** Signed debts, by our role and agreement. */
export const debtTable = table('debts', parts(text, bytes(32)), 'debt-record', {
  indexes: index => ({
    open: index(text, ({ role, state }) => (state === 'open' ? role : null)),
    openWith: index(parts(text, bytes(32)), ({ role, peer, state }) =>
      state === 'open' ? ([role, peer!] as const) : null
    )
  }),
  unbounded: 'one for each agreement that ended early, each with a signature of the other side',
  forget: 'never: a debt is evidence'
})

/** The agreements of the debts from which installments are to be settled, by the hash of the installment. */
export const askedTable = table('asked-credits', bytes(32), rawCodec, {
  indexes: index => ({ debt: index(bytes(32), agreement => agreement) }),
  unbounded: 'this node asks for one credit at a time for each of its leases',
  forget: 'when the debtor has answered'
})

/** Spending limits as JSON, for play money and for real sats. */
export const limitTable = table('spending-limits', text, rawCodec, {
  rows: 2,
  forget: 'never: the owner sets them'
})

export const PAYMENT_TABLES = [...LEDGER_TABLES, debtTable, askedTable, limitTable]
