import { LEVELS, covers, isLevel } from '../../../base/logger.js'
import type { Level } from '../../../base/logger.js'
import { Daemon, checkDaemon } from '../../../daemon/daemon.js'
import type { Ready } from '../../../daemon/daemon.js'
import { keepUp } from '../../../daemon/keep-up.js'
import type { LogSettings, PlainLine } from '../../../daemon/log/open-log.js'
import { absolutePath, parseHost, parsePort } from '../../input/arguments.js'
import { endOf, parsed, text } from '../../invocation.js'
import type { Action, OptionValues } from '../../invocation.js'
import { logText, wholeText } from '../../output/log-text.js'
import type { Output } from '../../output/output.js'
import { facts } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'up',
  summary: 'run the node in the foreground, as provider and buyer',
  example: 'up',
  options: {
    '--port <n>': 'UDP port to be reached at (default: any one)',
    '--host <address>': 'IPv4 address of this machine to use (default: all)',
    '--no-forward': 'do not forward for members of a market that this node relays',
    '--log-level <level>': { help: 'how much is said (default: info)', choices: LEVELS },
    '--log-file <path>': 'where the log goes (default: logs/bushel.log in the home)'
  }
}

/** Runs the node in the foreground until a signal stops it. */
export const run: Action = async ({ access, dryRun, output, signal }, _positional, options) => {
  const log = logSettings(options)
  const bound = {
    host: parsed(options, 'host', parseHost),
    port: parsed(options, 'port', parsePort),
    ...(options.forward === false ? { forwards: false } : {})
  }
  if (dryRun) {
    const result = { ...(await checkDaemon(access.home)), dryRun }
    output.print(result, () => `would run the node of device ${result.device}`)
    return
  }
  const { home, bootstrap } = access
  const told = new Told(output)
  try {
    await keepUp({
      make: onfailed =>
        new Daemon({ home, bootstrap, ...bound, log, onfailed, onlog: (line, kept) => told.say(line, kept) }),
      onup: async daemon => {
        const ready = await daemon.describe()
        output.print(ready, () => page(ready))
        told.begin()
      },
      ondown: why =>
        output.line(`warning: ${why.message}; the node is started again as soon as the disk takes it`),
      signal
    })
  } finally {
    told.begin('warn')
  }
  await endOf(signal)
}

function page(ready: Ready): string[] {
  return [
    ...facts([
      ['identity', ready.identity],
      ['device', ready.device],
      ['address', addressText(ready)],
      ['network', ready.network],
      ['market', ready.market ?? 'none yet; join one with: bushel market join KEY'],
      ['process', String(ready.pid)]
    ]),
    ...(ready.warning === null ? [] : [`warning: ${ready.warning}`]),
    ready.reach === 'offline'
      ? 'The node runs, and is up once the network is back. Stop it with Ctrl-C.'
      : 'The node is up. Stop it with Ctrl-C.'
  ]
}

function addressText({ host, port }: Ready): string {
  if (host === null) return 'not known yet'
  return port === null ? `${host}, another port for each` : `${host}:${port}`
}

function logSettings(options: OptionValues): LogSettings {
  const level = text(options, 'logLevel')
  const file = text(options, 'logFile')
  return { ...(isLevel(level) ? { level } : {}), ...(file === undefined ? {} : { file: absolutePath(file) }) }
}

/** What `up` shows of the log: for programs as lines of JSON after `ready`, which stays the first; for people in words. */
class Told {
  readonly #output: Output
  #held: PlainLine[] | null = []

  constructor(output: Output) {
    this.#output = output
  }

  say(line: PlainLine, kept: boolean): void {
    if (!covers('info', line.level)) return
    if (this.#output.json) {
      if (this.#held) this.#held.push(line)
      else this.#print(line)
      return
    }
    const text = kept ? logText(line) : wholeText(line)
    if (text !== null) this.#output.line(text)
  }

  /** What was said before is told too, of `level` and above. */
  begin(level: Level = 'info'): void {
    for (const line of this.#held ?? []) if (covers(level, line.level)) this.#print(line)
    this.#held = null
  }

  #print({ at, level, part, message, fields, error }: PlainLine): void {
    const value = { ...fields, event: 'log', time: new Date(at).toISOString(), level, part, message }
    this.#output.print(error ? { ...value, error } : value, () => message)
  }
}
