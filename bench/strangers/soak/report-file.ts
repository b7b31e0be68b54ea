import { appendFileSync, writeFileSync } from 'node:fs'
import type { Figure } from '../../figure.js'
import { table } from '../../report.js'

/** A report that is on disk at every moment, so that a run that is cut off leaves what it found. */
export class ReportFile {
  readonly #path: string
  readonly #say: (what: string) => void

  /** Begins the file anew. */
  constructor(path: string, say: (what: string) => void) {
    this.#path = path
    this.#say = say
    writeFileSync(path, '')
  }

  /** A line with its time, for the file and for people. */
  readonly say = (what: string): void => {
    this.note(what)
    this.#say(what)
  }

  /** A line with its time, for the file alone. */
  readonly note = (what: string): void => {
    appendFileSync(this.#path, `${new Date().toISOString()} ${what}\n`)
  }

  figures(title: string, figures: readonly Figure[]): void {
    this.note(title)
    appendFileSync(this.#path, `${table(figures)}\n`)
  }
}
