import { BushelError } from '../../contracts/errors/error.js'
import type { HomeAccess } from '../daemon/access.js'
import type { CallContext } from '../node/api/api.js'
import type { Output } from './output/output.js'

export type OptionValues = Record<string, string | boolean | readonly string[] | undefined>

/** What every command gets: its global options, access to the home, the output, and the signal that stops it. */
export interface Invocation {
  readonly access: HomeAccess
  /** Name or key of the market given with --market. */
  readonly market: string | undefined
  readonly dryRun: boolean
  readonly output: Output
  /** Aborted by SIGINT, SIGTERM or SIGHUP; the reason is an Interruption. */
  readonly signal: AbortSignal
  /** Progress and signal, for calls to the node. */
  readonly context: CallContext
}

export type Action = (
  invocation: Invocation,
  positional: readonly string[],
  options: OptionValues
) => Promise<void>

/**
 * Waits until a signal stops a command that runs indefinitely. Resolves on SIGTERM, for which the exit code is 0; rejects
 * with the Interruption on Ctrl-C and SIGHUP, for which it is 130.
 */
export async function endOf(signal: AbortSignal): Promise<void> {
  const alive = setInterval(() => undefined, 1 << 30) // an event listener alone does not keep the process running
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
  clearInterval(alive)
  if (!(signal.reason instanceof Interruption) || signal.reason.signal !== 'SIGTERM') throw signal.reason
}

/** The error of a command that a signal stopped; exit code 130. */
export class Interruption extends BushelError {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(
      'INTERRUPTED',
      'interrupted; everything done so far is kept',
      'run the same command again to continue'
    )
    this.signal = signal
  }
}

/** The value of an option; undefined when it was not given. */
export function text(options: OptionValues, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

/** The values of an option that may be given several times; undefined when it was not given. */
export function texts(options: OptionValues, name: string): string[] | undefined {
  const value = options[name]
  return Array.isArray(value) ? (value as string[]) : undefined
}

/** The parsed value of an option; undefined when it was not given. */
export function parsed<T>(options: OptionValues, name: string, parse: (text: string) => T): T | undefined {
  const value = text(options, name)
  return value === undefined ? undefined : parse(value)
}

/** The fields without those that are undefined: the parameters of a call that were given. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(present) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
