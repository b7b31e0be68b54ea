import { setTimeout as sleep } from 'node:timers/promises'
import type { Output } from './output.js'

const EVERY_MS = 2_000

export interface Watch<T> {
  read: () => Promise<T>
  print: (value: T) => void
  output: Output
  signal: AbortSignal
  /** A text that changes when the value has to be printed again; by default its JSON. */
  key?: (value: T) => string
}

/** Reads a value every 2 s and prints it when it changed, until the command is stopped or its reader exits. */
export async function watch<T>({
  read,
  print,
  output,
  signal,
  key = JSON.stringify
}: Watch<T>): Promise<void> {
  for (let last = ''; !output.closed;) {
    const value = await read()
    const current = key(value)
    if (current !== last) print(value)
    last = current
    await sleep(EVERY_MS, undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted()
      throw error
    })
  }
}
