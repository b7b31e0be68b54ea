import { writeFile } from 'node:fs/promises'
import { formatReceipt, verifyReceipt } from '../../../../contracts/evidence/receipt.js'
import { read } from '../../../daemon/access.js'
import { readReceiptOf } from '../../../daemon/books.js'
import { absolutePath, parseWhole } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { resolveId } from '../../input/short-id.js'

/** Writes the receipt of a paid slice, which anybody can check. */
export const run: Action = async ({ place, dryRun, output, context }, [lease], options) => {
  const ids = async (): Promise<string[]> => (await read(place, 'leases', context)).leases.map(({ id }) => id)
  const id = await resolveId(lease!, 'lease id', ids)
  const epoch = text(options, 'epoch')
  const receipt = await readReceiptOf(
    place,
    id,
    epoch === undefined ? undefined : parseWhole(epoch, 'number of an epoch', 1_000_000)
  )
  const written = formatReceipt(receipt)
  const out = text(options, 'out')
  if (out === undefined) return output.text(written)
  const path = absolutePath(out)
  if (!dryRun) await writeFile(path, written)
  const { agreement, msat } = verifyReceipt(receipt)
  output.print({ out: path, agreement, epoch: receipt.epoch, msat, dryRun }, () =>
    dryRun ? `${path} would be written` : `the receipt of slice ${receipt.epoch} is in ${path}`
  )
}
