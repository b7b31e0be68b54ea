import { createInterface } from 'node:readline/promises'
import type { BushelError } from '../../../contracts/errors/error.js'

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
