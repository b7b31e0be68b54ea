const ERASE_LINE = '\r\u001b[2K'
const WIDTH = 80

/** Prints the progress of the demo: on standard output, or with --json on standard error. */
export class Voice {
  readonly #out: NodeJS.WriteStream
  readonly #started = performance.now()
  #act = 0
  #drawn = false

  constructor(json: boolean) {
    this.#out = json ? process.stderr : process.stdout
  }

  /** Prints the title of the next act, and the seconds since the start. */
  act(title: string): void {
    const at = `${((performance.now() - this.#started) / 1000).toFixed(1)} s`
    const head = `${++this.#act}. ${title}`
    this.say('', head.padEnd(WIDTH - at.length - 1) + ' ' + at)
  }

  say(...lines: string[]): void {
    this.#erase()
    for (const line of lines) this.#out.write(line + '\n')
  }

  /** Draws a line that the next one replaces; only on a terminal. */
  draw(text: string): void {
    if (!this.#out.isTTY) return
    this.#out.write(ERASE_LINE + text.slice(0, WIDTH - 1))
    this.#drawn = true
  }

  #erase(): void {
    if (this.#drawn) this.#out.write(ERASE_LINE)
    this.#drawn = false
  }
}
