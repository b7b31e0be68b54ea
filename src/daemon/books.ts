import { parseKey } from '../../contracts/keys/key.js'
import type { Receipt } from '../../contracts/evidence/receipt.js'
import { Home } from '../identity/home.js'
import type { LedgerEntry, LedgerFilter } from '../payment/ledger/entries.js'
import type { HomeAccess } from './access.js'

/** Reads the ledger of a home from its disk, also while a node runs on it. */
export async function readLog(
  access: HomeAccess,
  filter: LedgerFilter,
  onentry: (entry: LedgerEntry) => void
): Promise<void> {
  const home = await Home.open(access.home)
  const [{ readEntries }, { ledgerOf }, { readingStore }] = await Promise.all([
    import('../payment/ledger/entries.js'),
    import('../node/backend.js'),
    import('../node/home-store.js')
  ])
  await readingStore(home.dir, store => {
    for (const entry of readEntries(store, ledgerOf(home.wallet), filter)) onentry(entry)
  })
}

export async function readReceiptOf(
  access: HomeAccess,
  lease: string,
  installment?: number
): Promise<Receipt> {
  const home = await Home.open(access.home)
  const { readReceipt } = await import('../node/api/receipts.js')
  return readReceipt(home, parseKey(lease, 'lease id'), installment)
}

/** What is wrong in the store of a home, a line for each problem; also while a node runs on it. */
export async function checkStore(access: HomeAccess): Promise<string[]> {
  const home = await Home.open(access.home)
  const { storeProblems } = await import('../node/store-check.js')
  return storeProblems(home)
}
