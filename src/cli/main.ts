import { CommanderError } from './commander.js'
import { EXIT } from '../../contracts/errors/error-table.js'
import { BushelError, failed } from '../../contracts/errors/error.js'
import { messageOf } from '../base/logger.js'
import { version } from '../base/version.js'
import { Interruption } from './invocation.js'
import { Output } from './output/output.js'
import { createProgram } from './program.js'

/** A command that has not stopped this long after the first signal is ended, ms. */
const STOP_TIMEOUT_MS = 20_000
/** A second signal ends the process at once, unless it comes this soon: a terminal may send one Ctrl-C twice, ms. */
const SECOND_SIGNAL_MS = 1_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Runs the command line of this process and exits with its exit code. */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  const output = new Output(wantsJson(argv))
  let ending: Promise<never> | null = null
  const finish = (failure: BushelError | null): Promise<never> => (ending ??= end(output, failure))
  // A rejection that nobody handles comes here too.
  process.on('uncaughtException', error => void finish(internal(error)))
  const signal = stopSignal(interruption => void finish(interruption))
  await finish(await execute(argv, output, signal))
}

/** Runs one command line; resolves to its error, or to null. */
export async function execute(
  argv: readonly string[],
  output: Output,
  signal: AbortSignal
): Promise<BushelError | null> {
  let usage = ''
  const program = await createProgram({
    version: version(),
    argv,
    run: async typed => {
      const { invoke } = await import('./invoke.js')
      await invoke(typed, output, signal)
    },
    onhelp: written => output.text(written),
    onerror: written => (usage += written)
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return null
  } catch (error) {
    if (!(error instanceof CommanderError)) return failureOf(error, signal)
    if (error.exitCode === 0) return null // help or version, already printed
    if (error.code === 'commander.help') output.line(usage.trimEnd())
    return usageError(error)
  }
}

/** True when --json is given. It is found before parsing, so that usage errors are JSON too. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? undefined : end).includes('--json')
}

/** A signal that the first SIGINT, SIGTERM or SIGHUP aborts; `onoverdue` is called when the command does not stop in time. */
function stopSignal(onoverdue: (interruption: Interruption) => void): AbortSignal {
  const controller = new AbortController()
  let first = 0
  const onsignal = (name: NodeJS.Signals): void => {
    const now = performance.now()
    if (!controller.signal.aborted) {
      first = now
      const interruption = new Interruption(name)
      controller.abort(interruption)
      setTimeout(() => onoverdue(interruption), STOP_TIMEOUT_MS).unref()
    } else if (now - first > SECOND_SIGNAL_MS) {
      process.exit(EXIT.interrupted)
    }
  }
  for (const name of SIGNALS) process.on(name, onsignal)
  return controller.signal
}

function failureOf(error: unknown, signal: AbortSignal): BushelError {
  if (signal.aborted) return signal.reason as BushelError
  if (error instanceof BushelError) return error
  if (error instanceof Error && 'code' in error) return failed(error)
  return internal(error)
}

function internal(error: unknown): BushelError {
  return new BushelError(
    'INTERNAL',
    `a fault of the program: ${messageOf(error)}`,
    'run it with BUSHEL_DEBUG=1 to see the stack, and report it'
  ).withCause(error)
}

function usageError(error: CommanderError): BushelError {
  const message = error.code === 'commander.help' ? 'a command is missing' : error.message
  const clean = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
  return new BushelError('USAGE', clean, 'see `bushel --help` or `bushel help COMMAND`').withCause(error)
}

async function end(output: Output, failure: BushelError | null): Promise<never> {
  if (failure) {
    output.error(failure)
    if (process.env.BUSHEL_DEBUG && failure.cause instanceof Error) {
      process.stderr.write(`${failure.cause.stack ?? failure.cause.message}\n`)
    }
  }
  await output.flush()
  const { failure: unwritten } = output
  if (unwritten) {
    output.error(unwritten)
    await output.flush()
  }
  process.exit(failure?.exit ?? unwritten?.exit ?? output.exit)
}
