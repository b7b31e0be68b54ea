import { BushelError } from '../../contracts/errors/error.js'
import type { HomeAccess } from '../daemon/access.js'
import type { CallContext } from '../node/api/api.js'
import type { Output } from './output/output.js'

export type OptionValues = Record<string, string | boolean | undefined>

/** One command as it was typed: global options, where the node is, how to speak and when to stop. */
export interface Invocation {
  readonly access: HomeAccess
  /** As given with --market: name or key. */
  readonly market: string | undefined
  readonly dryRun: boolean
  readonly output: Output
  /** Aborted by Ctrl-C and its kin; the reason is a BushelError. */
  readonly signal: AbortSignal
  /** For calls of the node. */
  readonly context: CallContext
}

export type Action = (
  invocation: Invocation,
  positional: readonly string[],
  options: OptionValues
) => Promise<void>

/**
 * For a command that runs until it is stopped: waits for that. SIGTERM is then the ordinary end, exit code 0; Ctrl-C
 * rejects, exit code 130.
 */
export async function endOf(signal: AbortSignal): Promise<void> {
  const alive = setInterval(() => undefined, 1 << 30) // a wait alone does not keep the process
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
  clearInterval(alive)
  if (!(signal.reason instanceof Interruption) || signal.reason.signal !== 'SIGTERM') throw signal.reason
}

/** Why a command was stopped: exit code 130. */
export class Interruption extends BushelError {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(
      'INTERRUPTED',
      'interrupted; what was done so far is kept',
      'the same command again goes on where it stopped'
    )
    this.signal = signal
  }
}

/** The text of an option that may be absent. */
export function text(options: OptionValues, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}
