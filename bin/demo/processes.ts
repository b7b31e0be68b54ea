import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { fileURLToPath } from 'node:url'

const EXECUTABLE = fileURLToPath(new URL('../bushel.js', import.meta.url))
const STDERR_KEPT = 64 * 1024
/** How long a process may take to stop after SIGTERM before it is killed, ms. */
const STOP_MS = 20_000
const RUN_MS = 120_000
const READY_MS = 60_000

/** A line of JSON that the executable printed. */
export type Line = Record<string, unknown>

export interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Finished extends Ending {
  lines: Line[]
  /** The last line: the result, or `{ error }`. */
  result: Line
  stderr: string
}

/** The error that the executable printed. */
export interface Failure {
  code: string
  exit: number
  message: string
  hint: string
}

export interface StartOptions {
  home?: string
  /** Path of a script to run instead of the executable. */
  script?: string
  /** Added to the environment. */
  env?: Record<string, string>
  /** The words of a command that starts it, such as `ip netns exec NAME`. */
  under?: readonly string[]
  /** Called with each line of output. */
  online?: (line: Line) => void
  /** Its standard input. */
  input?: string
}

export interface RunOptions extends StartOptions {
  /** Time limit, ms; then the process is killed and the run fails. */
  timeoutMs?: number
}

export interface ProcessOptions {
  env: NodeJS.ProcessEnv
  /** Its standard input. */
  input?: string
  cwd?: string
  /** The words of a command that starts it, such as `ip netns exec NAME`. */
  under?: readonly string[]
  /** Opens a channel for messages, which carries buffers and bigints. */
  ipc?: boolean
}

/** One process of Node that prints lines of JSON, in a process group of its own. */
export class BushelProcess extends EventEmitter {
  /** Its name in messages. */
  readonly command: string
  readonly lines: Line[] = []
  /** Resolves when the process has ended and all of its output was read. */
  readonly ended: Promise<Ending>
  protected readonly child: ChildProcess
  #ending: Ending | null = null
  #stderr = ''
  #rest = ''

  /** `argv`: the arguments of Node, a script and its own among them. */
  constructor(command: string, argv: readonly string[], options: ProcessOptions) {
    super()
    this.setMaxListeners(0)
    this.command = command
    const { env, input, cwd, ipc, under = [] } = options
    const [program, ...args] = [...under, process.execPath, ...argv]
    const child = spawn(program!, args, {
      env,
      ...(cwd ? { cwd } : {}),
      detached: true,
      serialization: 'advanced',
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])]
    })
    this.child = child
    child.stdin?.end(input)
    child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#onstdout(text))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT)
    })
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        this.#ending = { code, signal }
        if (this.#rest) this.#online(this.#rest)
        resolve(this.#ending)
        this.emit('end')
      })
    })
    this.ended.catch(() => undefined) // the error reaches those who await `ended`
  }

  get pid(): number {
    return this.child.pid!
  }

  get running(): boolean {
    return this.#ending === null
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Waits for the first line, past or future, that `is` accepts. Rejects when the process ends first or at the timeout. */
  async line(is: (line: Line) => boolean, timeoutMs = READY_MS): Promise<Line> {
    const seen = this.lines.find(is)
    if (seen) return seen
    return await new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(timer)
        this.off('line', online)
        this.off('end', onend)
        settle()
      }
      const online = (line: Line): void => {
        if (is(line)) done(() => resolve(line))
      }
      const onend = (): void => done(() => reject(new Error(`${this.command} ended: ${this.lastWords()}`)))
      const late = (): void =>
        done(() => reject(new Error(`${this.command} took too long: ${this.lastWords()}`)))
      const timer = setTimeout(late, timeoutMs)
      this.on('line', online)
      this.on('end', onend)
      if (this.#ending) onend()
    })
  }

  /** Sends a signal to this process only, as a user would, and waits until it has ended. */
  async kill(signal: NodeJS.Signals): Promise<Ending> {
    this.child.kill(signal)
    return await this.ended
  }

  /** Stops the process with SIGTERM, and kills it when it does not stop in time. */
  async stop(): Promise<Ending> {
    if (!this.running) return await this.ended
    const timer = setTimeout(() => this.killGroup(), STOP_MS)
    try {
      return await this.kill('SIGTERM')
    } finally {
      clearTimeout(timer)
    }
  }

  /** Kills the process and all of its child processes. */
  killGroup(): void {
    if (this.child.pid === undefined) return
    try {
      process.kill(-this.child.pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // ESRCH: all have ended already
    }
  }

  #onstdout(text: string): void {
    const parts = (this.#rest + text).split('\n')
    this.#rest = parts.pop()!
    for (const part of parts) this.#online(part)
  }

  #online(text: string): void {
    let line: Line
    try {
      line = JSON.parse(text) as Line
    } catch {
      line = { garbage: text } // it shows up in the error of the caller that expected JSON
    }
    this.lines.push(line)
    this.emit('line', line)
  }

  /** How it ended, and what it printed last. */
  lastWords(): string {
    const { code, signal } = this.#ending ?? { code: null, signal: null }
    const last = this.lines.at(-1)
    return [
      signal ?? (code === null ? 'still running' : `exit code ${code}`),
      last && JSON.stringify(last),
      this.#stderr
    ]
      .filter(Boolean)
      .join('; ')
      .trim()
  }
}

/** The environment without what belongs to npm and to the user's own node. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|BUSHEL_)/.test(name))
  return Object.fromEntries(inherited)
}

/** All processes of the demo; none outlives `close`. */
export class Processes {
  protected readonly started: BushelProcess[] = []
  /** Bootstrap node `HOST:PORT` for every process that is started later. */
  bootstrap = ''
  #closed = false

  start(
    args: readonly string[],
    { home, env, online, input, script, under }: StartOptions = {}
  ): BushelProcess {
    const bootstrap = this.bootstrap ? { BUSHEL_BOOTSTRAP: this.bootstrap } : {}
    const place = home ? ['--home', home] : []
    const argv = [script ?? EXECUTABLE, ...place, '--json', ...args]
    const command = `bushel ${[...place, '--json', ...args].join(' ')}`
    const options = {
      env: { ...cleanEnvironment(), ...bootstrap, ...env },
      ...(input === undefined ? {} : { input }),
      ...(under ? { under } : {})
    }
    const started = this.adopt(() => new BushelProcess(command, argv, options))
    if (online) started.on('line', online)
    return started
  }

  /** Starts a process that ends with the others. */
  protected adopt<P extends BushelProcess>(start: () => P): P {
    if (this.#closed) throw new Error('the processes are already being stopped')
    const started = start()
    this.started.push(started)
    return started
  }

  /** Runs a command to its end; resolves with any exit code. */
  async run(args: readonly string[], { timeoutMs = RUN_MS, ...options }: RunOptions = {}): Promise<Finished> {
    const started = this.start(args, options)
    let late = false
    const timer = setTimeout(() => {
      late = true
      started.killGroup()
    }, timeoutMs)
    try {
      const ending = await started.ended
      const { lines, stderr } = started
      if (late) throw new Error(`${started.command} took longer than ${timeoutMs / 1000} s; ${stderr.trim()}`)
      return { ...ending, lines, stderr, result: lines.at(-1) ?? {} }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Starts a process that runs until it is stopped (`up`, `dht`), and waits for its `ready` line. */
  async serve(
    args: readonly string[],
    options: StartOptions = {}
  ): Promise<{ process: BushelProcess; ready: Line }> {
    const started = this.start(args, options)
    const ready = await started.line(line => line['event'] === 'ready')
    return { process: started, ready }
  }

  /** Kills all running processes and their children. For `exit` handlers, where nothing can be awaited. */
  killAll(): void {
    this.#closed = true
    for (const started of this.started) if (started.running) started.killGroup()
  }

  /** Kills all running processes and waits until they have ended. */
  async close(): Promise<void> {
    this.#closed = true
    const running = this.started.filter(started => started.running)
    for (const started of running) started.killGroup()
    await Promise.allSettled(running.map(started => started.ended))
  }
}

/** The error that a finished command printed, or null. */
export function failureOf({ result }: Pick<Finished, 'result'>): Failure | null {
  const error = result['error']
  return typeof error === 'object' && error !== null ? (error as Failure) : null
}
