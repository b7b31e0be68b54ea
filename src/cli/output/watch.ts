import { setTimeout as sleep } from 'node:timers/promises'
import type { Output } from './output.js'

const EVERY_MS = 2_000

export interface Watch<T> {
  read: () => Promise<T>
  print: (value: T) => void
  output: Output
  signal: AbortSignal
  /** What of a value counts as a change; all of it by default. */
  unless?: (value: T) => string
}

/** Reads again and again and prints what changed, until it is stopped or nobody reads any more. */
export async function watch<T>({
  read,
  print,
  output,
  signal,
  unless = JSON.stringify
}: Watch<T>): Promise<void> {
  for (let last = ''; !output.closed;) {
    const value = await read()
    const mark = unless(value)
    if (mark !== last) print(value)
    last = mark
    await sleep(EVERY_MS, undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted()
      throw error
    })
  }
}
