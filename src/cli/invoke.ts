import { noDefaultHome } from '../identity/default-home.js'
import { absolutePath, parseMarket } from './input/arguments.js'
import { parseBootstrap } from './input/bootstrap.js'
import { text } from './invocation.js'
import type { Output } from './output/output.js'
import { ProgressLine } from './output/progress-line.js'
import type { Typed } from './syntax.js'
import { noteOf } from './output/log-text.js'
import type { PlainLine } from '../daemon/log/open-log.js'

/** Parses the global options, then loads the command and runs it. */
export async function invoke(typed: Typed, output: Output, signal: AbortSignal): Promise<void> {
  const { name, load, positional, options } = typed
  const home = text(options, 'home')
  if (home === undefined) throw noDefaultHome()
  const market = text(options, 'market')
  const named = market === undefined ? undefined : parseMarket(market)
  const access = {
    home: absolutePath(home),
    bootstrap: parseBootstrap(text(options, 'bootstrap')),
    command: name,
    onlog: (line: PlainLine) => {
      const message = noteOf(line)
      if (message !== null) output.progress({ event: 'note', message })
    }
  }
  const bar = new ProgressLine(output)
  output.showProgressWith(progress => bar.show(progress))
  const context = { onProgress: output.progress.bind(output), signal }
  const { run } = await load()
  await run!(
    { access, market: named, dryRun: options.dryRun === true, output, signal, context },
    positional,
    options
  )
}
