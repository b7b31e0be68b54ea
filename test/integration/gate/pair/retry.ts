import assert from 'node:assert/strict'
import { BushelError } from '../../../../contracts/errors/error.js'

/** Repeats a step until it succeeds, noting its faults; fails after so many attempts. */
export async function retry<T>(step: () => Promise<T>, attempts: number, notes: string[]): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof BushelError)) throw error
      notes.push(`${error.code} ${error.message}`)
      assert.notEqual(attempt, attempts, notes.join('; '))
    }
  }
}
