import { createInterface } from 'node:readline/promises'
import type { BushelError } from '../../../contracts/errors/error.js'
import { SAT, least, most } from '../../../contracts/money/money.js'

/** The most that is paid ahead as `--ahead` says without a question, msat. */
export const UNASKED_MSAT = 1000n * SAT

/** The most to pay ahead that the owner has consented to, msat: what was said, at most what was shown. */
export function consented(said: string | undefined, shownMsat: bigint): string {
  const shown = most(shownMsat, UNASKED_MSAT)
  return (said === undefined ? shown : least(BigInt(said), shown)).toString()
}

/** Asks the owner once on the terminal; throws `refused` without one, or without a yes. */
export async function demandYes(question: string, refused: BushelError): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw refused
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await prompt.question(question)
    if (answer.trim().toLowerCase() !== 'yes') throw refused
  } finally {
    prompt.close()
  }
}
