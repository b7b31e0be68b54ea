/**
 * The demo: separate processes of the executable on a private network. Part one has the founder of a market, three
 * storage providers, a buyer that is killed, and a reader. Part two has a buyer of compute and three providers, one of
 * which states a false result. The demo removes all its processes and files at the end, also when it fails.
 */
import { existsSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ComputeAct } from './demo/compute-act.js'
import { gatherInput, ownModules } from './demo/input.js'
import { Processes } from './demo/processes.js'
import { computeOf, resultOf, tablesOf } from './demo/report.js'
import { Stage } from './demo/stage.js'
import { Story } from './demo/story.js'
import { sizeOfTree } from './demo/tree.js'
import { Voice } from './demo/voice.js'

const USAGE = `npm run demo [-- --path DIR_OR_FILE | --compute] [--json]

  --path DIR_OR_FILE  file or folder to mirror (default: about 100 MB of node_modules)
  --compute           run only the compute part
  --json              print the result as JSON on standard output, the rest on standard error
`
const FAILED = 1
const BAD_INPUT = 2
const INTERRUPTED = 130

/** Time limit for any input, ms; a large input adds the time it takes at SLOWEST_RATE, bytes per second. */
const BASE_TIMEOUT_MS = 4 * 60_000
const SLOWEST_RATE = 1_000_000

interface Options {
  path: string | undefined
  compute: boolean
  json: boolean
}

class Interrupted extends Error {}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      path: { type: 'string' },
      compute: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean' }
    }
  })
  if (values.help) {
    process.stdout.write(USAGE)
    process.exit(0)
  }
  if (values.compute && values.path !== undefined)
    throw new Error('--compute mirrors nothing; leave out --path')
  return { path: values.path, compute: values.compute, json: values.json }
}

/** The file or folder to mirror, and the path that the result names. */
async function inputOf(
  { path }: Options,
  folder: string,
  voice: Voice
): Promise<{ input: string; path: string }> {
  if (path !== undefined) {
    const input = resolve(process.env['INIT_CWD'] ?? process.cwd(), path)
    if (!existsSync(input)) throw new Error(`${input} does not exist`)
    voice.say('', `Input: ${input}`)
    return { input, path: input }
  }
  const modules = ownModules()
  const input = join(folder, 'input')
  await mkdir(input)
  await gatherInput(modules, input)
  voice.say('', `Input: about 100 MB of ${modules}`)
  return { input, path: modules }
}

async function play(options: Options, voice: Voice): Promise<object> {
  voice.say(
    'A demo of Bushel: separate processes on a private network, with play money:',
    'real Lightning invoices and preimages, worthless sats.'
  )
  const folder = await mkdtemp(join(tmpdir(), 'bushel-demo-'))
  const processes = new Processes()
  const stop = new AbortController()
  const clear = (): void => {
    processes.killAll()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  const interrupt = (why: Error): void => {
    stop.abort(why)
    processes.killAll()
  }
  process.on('exit', clear) // also after an uncaught exception
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupt(new Interrupted(`stopped by ${signal}`)))
  }
  process.stdout.on('error', () => interrupt(new Interrupted('the reader of standard output has exited')))
  let timer: NodeJS.Timeout | undefined
  try {
    const stage = new Stage({ processes, folder, voice, signal: stop.signal })
    const within = (timeoutMs: number): void => {
      timer = setTimeout(
        () => interrupt(new Error(`the demo took longer than ${Math.round(timeoutMs / 1000)} s`)),
        timeoutMs
      )
    }
    if (options.compute) {
      within(BASE_TIMEOUT_MS)
      return await playCompute(stage)
    }
    const { input, path } = await inputOf(options, folder, voice)
    const timeoutMs = BASE_TIMEOUT_MS + ((await sizeOfTree(input)).bytes / SLOWEST_RATE) * 1000
    within(timeoutMs)
    const ending = await new Story({ stage, input, path, timeoutMs }).play()
    const compute = await new ComputeAct(stage).play(ending.market)
    voice.say(...tablesOf(ending))
    return { ...resultOf(ending), compute: computeOf(compute) }
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error
  } finally {
    clearTimeout(timer)
    await processes.close()
    clear()
  }
}

async function playCompute(stage: Stage): Promise<object> {
  stage.voice.act('A private network and a market')
  const compute = await new ComputeAct(stage).play(await stage.found())
  stage.voice.say('')
  return { ok: true, compute: computeOf(compute) }
}

async function main(): Promise<void> {
  const options = readOptions()
  const voice = new Voice(options.json)
  try {
    const result = await play(options, voice)
    if (options.json) process.stdout.write(JSON.stringify(result) + '\n')
    else voice.say('ok')
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    process.exitCode = error instanceof Interrupted ? INTERRUPTED : FAILED
    if (options.json) process.stdout.write(JSON.stringify({ ok: false, error: message }) + '\n')
    else voice.say('', `not ok: ${message}`)
  }
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
  process.exitCode = BAD_INPUT
}
