import { writeFile } from 'node:fs/promises'
import { formatReceipt, verifyReceipt } from '../../../../contracts/evidence/receipt.js'
import { readReceiptOf } from '../../../daemon/books.js'
import { absolutePath, parseWhole } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { leaseId } from '../../input/short-id.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'receipt export <lease>',
  summary: 'write the receipt of a paid installment',
  example: 'receipt export 8kc1pyjd --installment 3 --out receipt.json',
  options: {
    '--installment <n>': 'number of the installment, from 0 (default: the last paid)',
    '--out <file>': 'write it to a file'
  }
}

/** Writes the receipt of a paid installment, which anyone can verify. */
export const run: Action = async (invocation, [lease], options) => {
  const { access, dryRun, output } = invocation
  const id = await leaseId(invocation, lease!)
  const installment = text(options, 'installment')
  const receipt = await readReceiptOf(
    access,
    id,
    installment === undefined ? undefined : parseWhole(installment, 'number of an installment', 1_000_000)
  )
  const written = formatReceipt(receipt)
  const out = text(options, 'out')
  if (out === undefined) return output.text(written)
  const path = absolutePath(out)
  if (!dryRun) await writeFile(path, written)
  const { agreement, msat } = verifyReceipt(receipt)
  output.print({ out: path, agreement, installment: receipt.installment, msat, dryRun }, () =>
    dryRun ? `would write ${path}` : `the receipt of installment ${receipt.installment} is in ${path}`
  )
}
