import { rm, writeFile } from 'node:fs/promises'
import { KIB } from '../../../contracts/money/quantity.js'
import { program } from '../../../test/parts/compute/jobs.js'
import type { MirrorResult, World } from '../../../test/world/world.js'
import { writeFileOf } from '../../storage/goods.js'
import type { ReportFile } from './report-file.js'

const BYTES = 256 * KIB
/** How long a command of the honest may take, ms. */
const PATIENCE = 240_000
/** A step of a deal that took longer is told with all that its command said, s. */
const SLOW = 5
/** How often what a command says is stamped with the time, ms. */
const LISTENED_EVERY = 100
/** Of the program of its jobs, in KiB that it hashes. */
const WORK = '64'

export interface DealsMade {
  /** Times of those that succeeded, s. */
  seconds: number[]
  /** When each of these ended, s since the watch began. */
  ends: number[]
  /** Of each step of these, s. */
  steps: Record<'mirror' | 'restore' | 'run', number[]>
  /** What failed, with the command. */
  errors: string[]
}

export function noDeals(): DealsMade {
  return { seconds: [], ends: [], steps: { mirror: [], restore: [], run: [] }, errors: [] }
}

export interface Buying {
  /** Deals are added to these as they are made. */
  made: DealsMade
  /** The time now, s. */
  at: () => number
  isOver: () => boolean
  least: number
  stopped: AbortSignal
  report: Pick<ReportFile, 'say' | 'note'>
}

/** Buys one thing after another: a file is mirrored, restored and compared, and a job is run. */
export class HonestBuyer {
  readonly #world: World
  readonly #module: string
  readonly #file: string
  /** What the last command said, with when, in s since it began. */
  #said: string[] = []

  private constructor(world: World) {
    this.#world = world
    this.#module = world.at('sha256.wasm')
    this.#file = world.at('file')
  }

  static async open(world: World): Promise<HonestBuyer> {
    const buyer = new HonestBuyer(world)
    await writeFile(buyer.#module, program('sha256'))
    return buyer
  }

  /** Makes deals until the time is over, and at least so many; none more once it is stopped. */
  async buy({ made, at, isOver, least, stopped, report }: Buying): Promise<void> {
    for (let deals = 0; !stopped.aborted && (deals < least || !isOver()); deals++) {
      const begun = performance.now()
      const error = await this.#deal(made.steps, report).then(
        () => null,
        (error: unknown) => String(error instanceof Error ? error.message : error)
      )
      const seconds = (performance.now() - begun) / 1000
      if (error === null) {
        made.seconds.push(seconds)
        made.ends.push(at())
        report.note(`a deal took ${seconds.toFixed(1)} s`)
      } else {
        made.errors.push(error)
        report.say(`a deal FAILED after ${seconds.toFixed(1)} s: ${error}`)
      }
    }
  }

  async #deal(steps: DealsMade['steps'], report: Buying['report']): Promise<void> {
    let begun = performance.now()
    const done = (step: keyof DealsMade['steps']): void => {
      const now = performance.now()
      const seconds = (now - begun) / 1000
      steps[step].push(seconds)
      if (seconds > SLOW) report.note(`${step} took ${seconds.toFixed(1)} s: ${this.#said.join(' ')}`)
      begun = now
    }
    await writeFileOf(this.#file, BYTES)
    const { link } = await this.#run<MirrorResult>('mirror', this.#file, '--copies', '2', '--time', '30d')
    done('mirror')
    const restored = this.#world.at('restored')
    await rm(restored, { recursive: true, force: true })
    await this.#run('restore', link, restored)
    done('restore')
    const { status } = await this.#run<{ status: string }>('run', this.#module, '--max', '60 sat', '--', WORK)
    done('run')
    if (status !== 'ok') throw new Error(`the job is ${status}`)
  }

  async #run<T>(...command: string[]): Promise<T> {
    const started = this.#world.processes.start(command, { home: this.#world.at('buyer') })
    const timer = setTimeout(() => void started.kill('SIGKILL'), PATIENCE)
    const begun = performance.now()
    this.#said = []
    const listening = setInterval(() => {
      const seconds = ((performance.now() - begun) / 1000).toFixed(1)
      for (const line of started.lines.slice(this.#said.length))
        this.#said.push(`${seconds}: ${JSON.stringify(line)}`)
    }, LISTENED_EVERY)
    const { code, signal } = await started.ended
    clearTimeout(timer)
    clearInterval(listening)
    if (code !== 0)
      throw new Error(
        `${command[0]} ended with ${code ?? signal}: ${JSON.stringify(started.lines.slice(-3))}`
      )
    return started.lines.at(-1) as T
  }
}
