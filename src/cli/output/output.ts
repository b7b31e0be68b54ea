import { EXIT } from '../../../contracts/errors/error-table.js'
import type { Exit } from '../../../contracts/errors/error-table.js'
import type { BushelError } from '../../../contracts/errors/error.js'
import type { Progress } from '../../node/api/api.js'

const PROGRESS_EVERY_MS = 200
const ERASE_LINE = '\r\u001b[2K'

export interface Streams {
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream & { isTTY?: boolean }
}

/**
 * What a command says. With `json`, lines of JSON on standard output and nothing else; otherwise text for people, with
 * progress and errors on standard error.
 */
export class Output {
  readonly json: boolean
  /** What the process ends with when nothing fails. */
  exit: Exit = EXIT.done
  readonly #streams: Streams
  #bar: ((progress: Progress) => void) | null = null
  #drawn = false
  #closed = false
  #last = { step: '', at: 0 }

  constructor(json: boolean, streams: Streams = process) {
    this.json = json
    this.#streams = streams
    // Who reads our output may leave before we end (`| head`): the work goes on, unheard.
    streams.stdout.on('error', () => (this.#closed = true))
    streams.stderr.on('error', () => (this.#drawn = false))
  }

  /** Nobody reads any more. */
  get closed(): boolean {
    return this.#closed
  }

  get live(): boolean {
    return !this.json && this.#streams.stderr.isTTY === true
  }

  /** The result, or an event of its own kind: an object for programs, lines for people. */
  print(value: object, people: () => string | string[]): void {
    if (this.json) return this.#write(JSON.stringify(value))
    const text = people()
    this.#write(plain(typeof text === 'string' ? text : text.join('\n')))
  }

  /** The result of a check: exit code 1 when it does not hold. */
  verdict(value: object & { ok: boolean }, people: () => string | string[]): void {
    if (!value.ok) this.exit = EXIT.failed
    this.print(value, people)
  }

  /** Text that was asked for, as it is. */
  text(text: string): void {
    this.#write(text.replace(/\n$/, ''))
  }

  progress(progress: Progress): void {
    if (this.json) this.#progressJson(progress)
    else if (progress.event === 'output') this.#bytes(progress.stream, Buffer.from(progress.base64, 'base64'))
    else this.#bar?.(progress)
  }

  /** What a program printed, byte for byte, where its own would go. */
  #bytes(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    this.#erase()
    if (stream === 'stderr' || !this.#closed) this.#streams[stream].write(bytes)
  }

  /** How progress is shown to people. */
  showProgressWith(show: (progress: Progress) => void): void {
    this.#bar = show
  }

  /** Shown to people only, on standard error. */
  line(text: string): void {
    if (this.json) return
    this.#erase()
    this.#streams.stderr.write(plain(text) + '\n')
  }

  draw(text: string): void {
    if (!this.live) return
    this.#streams.stderr.write(ERASE_LINE + plain(text).slice(0, 79))
    this.#drawn = true
  }

  error(error: BushelError): void {
    if (this.json) return this.#write(JSON.stringify({ error }))
    this.line(`bushel: ${oneLine(error.message)}`)
    if (error.hint) this.line(`hint: ${oneLine(error.hint)}`)
  }

  /** Resolves when everything has been handed to the operating system. */
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

/** Names and reasons come from strangers: nothing of theirs may steer the terminal or turn the text around. */
export function plain(text: string): string {
  return text.replace(
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    '\ufffd'
  )
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ')
}
