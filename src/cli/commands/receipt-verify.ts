import { readFile, stat } from 'node:fs/promises'
import { BushelError } from '../../../contracts/errors.js'
import { formatAmount } from '../../../contracts/money.js'
import { MAX_RECEIPT_BYTES, parseReceipt, verifyReceipt } from '../../../contracts/receipt.js'
import { readablePath } from '../arguments.js'
import type { Action } from '../invocation.js'

/** Checks a receipt; needs no home, no node and no network. */
export const run: Action = async ({ output }, [file]) => {
  const path = await readablePath(file!)
  const { size } = await stat(path)
  if (size > MAX_RECEIPT_BYTES)
    throw BushelError.badInput(`${file} is too large for a receipt`, undefined, 'BAD_RECEIPT')
  const verdict = verifyReceipt(parseReceipt(await readFile(path, 'utf8')))
  const { ok, agreement, epoch, msat, buyer, provider, faults } = verdict
  output.verdict(verdict, () =>
    ok
      ? [
          `it holds: slice ${epoch} of agreement ${agreement}`,
          `${formatAmount(BigInt(msat))} were paid by ${buyer}`,
          `to ${provider}`
        ]
      : faults.map(fault => `IT DOES NOT HOLD: ${fault}`)
  )
}
