import { parseKey } from '../../contracts/keys/key.js'
import type { Receipt } from '../../contracts/evidence/receipt.js'
import { Home } from '../identity/home.js'
import type { Entry, EntryFilter } from '../payment/entries.js'
import type { Place } from './access.js'

/** Reads the ledger of a home from its disk, also while a node runs on it. */
export async function readLog(
  place: Place,
  filter: EntryFilter,
  onentry: (entry: Entry) => void
): Promise<void> {
  const home = await Home.open(place.home)
  const [{ readEntries }, { ledgerFile }] = await Promise.all([
    import('../payment/entries.js'),
    import('../node/backend.js')
  ])
  await readEntries(ledgerFile(home.dir, home.wallet), onentry, filter)
}

export async function readReceiptOf(place: Place, lease: string, epoch?: number): Promise<Receipt> {
  const home = await Home.open(place.home)
  const { readReceipt } = await import('../node/api/receipts.js')
  return readReceipt(home, parseKey(lease, 'lease id'), epoch)
}
