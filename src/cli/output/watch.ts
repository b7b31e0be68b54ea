import { setTimeout as sleep } from 'node:timers/promises'
import { read } from '../../daemon/access.js'
import type { OfflineMethod, Result } from '../../node/api/api.js'
import type { Action } from '../invocation.js'
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

/** A command that prints what a call reads, once or, with `--watch`, whenever it changes. */
export function listing<M extends OfflineMethod>(method: M, lines: (value: Result<M>) => string[]): Action {
  return async ({ access, output, signal, context }, _positional, options) => {
    const list = (): Promise<Result<M>> => read(access, method, context)
    const print = (value: Result<M>): void => output.print(value, () => lines(value))
    if (options['watch'] === true) await watch({ read: list, print, output, signal })
    else print(await list())
  }
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
