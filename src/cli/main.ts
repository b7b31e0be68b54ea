import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CommanderError } from 'commander'
import { BushelError, EXIT } from '../../contracts/errors.js'
import { absolutePath, parseMarket } from './arguments.js'
import { parseBootstrap } from './bootstrap.js'
import { Interruption, text } from './invocation.js'
import type { OptionValues } from './invocation.js'
import { Output } from './output.js'
import { ProgressLine } from './progress-line.js'
import { createProgram } from './program.js'
import type { Loader } from './program.js'

/** What has not ended in order by then is ended. */
const STOP_TIMEOUT_MS = 20_000
/** A terminal may send one Ctrl-C twice; a second one after this is meant. */
const SECOND_SIGNAL_MS = 1_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Runs one command line to its end, and the process with it. */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<never> {
  const output = new Output(wantsJson(argv))
  process.on('uncaughtException', error => void end(output, internal(error)))
  process.on('unhandledRejection', error => void end(output, internal(error)))
  const signal = stopSignal()
  let failure: BushelError | null = null
  try {
    await parse(argv, output, signal)
  } catch (error) {
    failure = failureOf(error, signal)
  }
  return await end(output, failure)
}

async function parse(argv: readonly string[], output: Output, signal: AbortSignal): Promise<void> {
  let usage = ''
  const run = (
    name: string,
    load: Loader,
    positional: readonly string[],
    options: OptionValues
  ): Promise<void> => invoke({ name, load, positional, options, output, signal })
  const program = createProgram({ version: version(), run, onerror: written => (usage += written) })
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return // help and version, which are printed
    if (error.code === 'commander.help') output.line(usage.trimEnd())
    throw usageError(error)
  }
}

interface Invoked {
  name: string
  load: Loader
  positional: readonly string[]
  options: OptionValues
  output: Output
  signal: AbortSignal
}

async function invoke({ name, load, positional, options, output, signal }: Invoked): Promise<void> {
  const market = text(options, 'market')
  const context = { onProgress: output.progress.bind(output), signal }
  const place = {
    home: absolutePath(text(options, 'home')!),
    bootstrap: parseBootstrap(text(options, 'bootstrap')),
    command: name,
    onnote: (message: string) => output.progress({ event: 'note', message }),
    onfault: (error: unknown) => output.progress({ event: 'note', message: `fault: ${messageOf(error)}` })
  }
  const bar = new ProgressLine(output)
  output.showProgressWith(progress => bar.show(progress))
  const named = market === undefined ? undefined : parseMarket(market)
  const { run } = await load()
  await run(
    { place, market: named, dryRun: options.dryRun === true, output, signal, context },
    positional,
    options
  )
}

/** Known before anything is parsed: a usage error is JSON, too. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? undefined : end).includes('--json')
}

function stopSignal(): AbortSignal {
  const controller = new AbortController()
  let first = 0
  const onsignal = (name: NodeJS.Signals): void => {
    const now = performance.now()
    if (!controller.signal.aborted) {
      first = now
      controller.abort(new Interruption(name))
      setTimeout(() => process.exit(EXIT.interrupted), STOP_TIMEOUT_MS).unref()
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
  if (error instanceof Error && 'code' in error) return BushelError.failed(error.message).withCause(error)
  return internal(error)
}

function internal(error: unknown): BushelError {
  return BushelError.failed(
    `a fault of the program: ${messageOf(error)}`,
    'set BUSHEL_DEBUG=1 to see where, and report it',
    'INTERNAL'
  ).withCause(error)
}

function usageError(error: CommanderError): BushelError {
  const message = error.code === 'commander.help' ? 'a command is missing' : error.message
  const clean = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
  return BushelError.badInput(clean, 'see `bushel --help`, or `bushel help COMMAND`', 'USAGE').withCause(
    error
  )
}

async function end(output: Output, failure: BushelError | null): Promise<never> {
  if (failure) {
    output.error(failure)
    if (process.env.BUSHEL_DEBUG && failure.cause instanceof Error) {
      process.stderr.write(`${failure.cause.stack ?? failure.cause.message}\n`)
    }
  }
  await output.flush()
  process.exit(failure?.exit ?? EXIT.done)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Of the package that this file is part of. */
function version(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as Record<
        string,
        string
      >
      if (name === 'bushel' && version) return version
    } catch (error) {
      if (at === dirname(at)) throw error // no package above: not an installation
    }
  }
}
