import { StringDecoder } from 'node:string_decoder'
import { EXIT } from '../../../contracts/errors/error-table.js'
import type { Exit } from '../../../contracts/errors/error-table.js'
import { BushelError, isDiskFull } from '../../../contracts/errors/error.js'
import { shownInOneLine, shownOnTerminal } from '../../../contracts/text.js'
import type { Progress } from '../../node/api/api.js'

const PROGRESS_EVERY_MS = 200
const ERASE_LINE = '\r\u001b[2K'

export interface Streams {
  stdout: NodeJS.WritableStream & { isTTY?: boolean }
  stderr: NodeJS.WritableStream & { isTTY?: boolean }
}

/**
 * The output of a command. With `json` it is JSON lines on standard output and nothing else; otherwise it is text for
 * people, with progress and errors on standard error.
 */
export class Output {
  readonly json: boolean
  /** The exit code of the process when the command does not fail. */
  exit: Exit = EXIT.done
  readonly #streams: Streams
  #bar: ((progress: Progress) => void) | null = null
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }
  #drawn = false
  #closed = false
  #failure: BushelError | null = null
  #last = { step: '', at: 0 }

  constructor(json: boolean, streams: Streams = process) {
    this.json = json
    this.#streams = streams
    streams.stdout.on('error', (error: Error) => {
      this.#closed = true
      this.#fail('standard output', error)
    })
    streams.stderr.on('error', (error: Error) => {
      this.#drawn = false
      this.#fail('standard error', error)
    })
  }

  /** What kept the output from being written; null when it was, or when its reader exited first, as in `| head`. */
  get failure(): BushelError | null {
    return this.#failure
  }

  #fail(where: string, error: Error): void {
    if ('code' in error && error.code === 'EPIPE') return // the command continues without output
    this.#failure ??= new BushelError(
      isDiskFull(error) ? 'DISK_FULL' : 'FAILED',
      `${where} cannot be written: ${error.message}`,
      'what the command has done stays done; the result of a job can be fetched again: bushel job output ID'
    ).withCause(error)
  }

  /** True when the reader of standard output has exited. */
  get closed(): boolean {
    return this.#closed
  }

  /** True when progress can be redrawn in place on a terminal. */
  get live(): boolean {
    return !this.json && this.#streams.stderr.isTTY === true
  }

  /** Prints the result or an event: the object with --json, else the lines for people. */
  print(value: object, people: () => string | string[]): void {
    if (this.json) return this.#write(JSON.stringify(value))
    const lines = people()
    // Each is one line: a text from a stranger cannot add lines that look like ours.
    this.#write([lines].flat().map(shownInOneLine).join('\n'))
  }

  /** Prints the result of a check; the exit code is 1 when it is not ok. */
  verdict(value: object & { ok: boolean }, people: () => string | string[]): void {
    if (!value.ok) this.exit = EXIT.failed
    this.print(value, people)
  }

  /** Prints text unchanged, such as help. */
  text(text: string): void {
    this.#write(text.replace(/\n$/, ''))
  }

  /** Prints a progress event. */
  progress(progress: Progress): void {
    if (this.json) this.#progressJson(progress)
    else if (progress.event === 'output') this.#bytes(progress.stream, Buffer.from(progress.base64, 'base64'))
    else this.#bar?.(progress)
  }

  /**
   * Writes the output of a job's program to the same stream of ours: byte for byte, but to a terminal as text, for a seller
   * can put sequences into it that command the terminal.
   */
  #bytes(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    this.#erase()
    if (stream === 'stdout' && this.#closed) return
    const out = this.#streams[stream]
    out.write(out.isTTY ? shownOnTerminal(this.#decoders[stream].write(bytes)) : bytes)
  }

  /** Sets the function that shows progress to people. */
  showProgressWith(show: (progress: Progress) => void): void {
    this.#bar = show
  }

  /** Prints a line on standard error, for people only. */
  line(text: string): void {
    if (this.json) return
    this.#erase()
    this.#streams.stderr.write(shownInOneLine(text) + '\n')
  }

  /** Draws a line on the terminal that the next output replaces. */
  draw(text: string): void {
    if (!this.live) return
    this.#streams.stderr.write(ERASE_LINE + shownInOneLine(text).slice(0, 79))
    this.#drawn = true
  }

  /** Prints an error and its hint. */
  error(error: BushelError): void {
    if (error === this.#failure)
      return void this.#streams.stderr.write(`bushel: ${shownInOneLine(error.message)}\n`)
    if (this.json) return this.#write(JSON.stringify({ error }))
    this.line(`bushel: ${error.message}`)
    if (error.hint) this.line(`hint: ${error.hint}`)
  }

  /** Resolves when all output was passed to the operating system. */
  async flush(): Promise<void> {
    this.#erase()
    const written = (stream: NodeJS.WritableStream): Promise<void> =>
      new Promise(resolve => void stream.write('', () => resolve()))
    await Promise.all([written(this.#streams.stdout), written(this.#streams.stderr)])
  }

  #progressJson(progress: Progress): void {
    if (progress.event === 'progress') {
      const now = performance.now()
      const due = progress.step !== this.#last.step || now - this.#last.at >= PROGRESS_EVERY_MS
      if (!due && progress.done < progress.total) return
      this.#last = { step: progress.step, at: now }
    }
    this.#write(JSON.stringify(progress))
  }

  #write(text: string): void {
    this.#erase()
    if (!this.#closed) this.#streams.stdout.write(text + '\n')
  }

  #erase(): void {
    if (!this.#drawn) return
    this.#streams.stderr.write(ERASE_LINE)
    this.#drawn = false
  }
}
