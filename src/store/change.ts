import type { Indexes, TableDefinition } from './definition.js'
import type { Transaction } from './transaction.js'

/** A change that is committed together with others, as `Store.set` does. */
export interface Change {
  apply(transaction: Transaction): void
  /** Called once it is on disk. */
  ondisk?: () => void
}

/** Sets a row, or deletes it when the value is null. */
export function change<K, V, I extends Indexes<K, V>>(
  table: TableDefinition<K, V, I>,
  key: K,
  value: V | null
): Change {
  return {
    apply(transaction) {
      if (value === null) transaction.delete(table, key)
      else transaction.put(table, key, value)
    }
  }
}
