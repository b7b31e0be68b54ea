import { formatAmount } from '../../../contracts/money/money.js'
import { formatSize } from '../../../contracts/money/quantity.js'
import type { Progress } from '../../node/api/api.js'
import { fuelText } from './fuel-text.js'

const BAR = 20
const PLAIN_EVERY_MS = 10_000
const REDRAW_MS = 100

type ProgressStep = Extract<Progress, { event: 'progress' }>
type TrackedJob = Extract<Progress, { event: 'job' }>

export interface Screen {
  /** Prints a line that stays. */
  line(text: string): void
  /** Draws the last line in place; does nothing unless `live`. */
  draw(text: string): void
  readonly live: boolean
}

/** Shows progress to people: on a terminal a bar with rate and time left, elsewhere a plain line every 10 s. */
export class ProgressLine {
  readonly #screen: Screen
  readonly #now: () => number
  #step = ''
  #started = { at: 0, done: 0 }
  #shown = 0
  readonly #states = new Map<string, string>()

  /** `now` gives a monotonic time, ms. */
  constructor(screen: Screen, now: () => number = () => performance.now()) {
    this.#screen = screen
    this.#now = now
  }

  show(progress: Progress): void {
    if (progress.event === 'note') this.#screen.line(progress.message)
    else if (progress.event === 'payment') this.#screen.line(paymentLine(progress))
    else if (progress.event === 'progress') this.#onstep(progress)
    else if (progress.event === 'job') this.#onjob(progress)
    else if (progress.event !== 'output') this.#screen.line(jobLine(progress))
  }

  /** Prints each state of a job once; on a terminal, also the fuel while it grows. */
  #onjob({ provider, state, fuel, job = '' }: TrackedJob): void {
    const text = [`${state.toLowerCase().padEnd(8)}  at ${provider.slice(0, 8)}`, fuelText(BigInt(fuel)), job]
    const mark = `${job} ${provider} ${state}`
    if (this.#states.get(`${job} ${provider}`) === mark) this.#screen.draw(text.filter(Boolean).join('  '))
    else this.#screen.line(text.filter(Boolean).join('  '))
    this.#states.set(`${job} ${provider}`, mark)
  }

  #onstep(progress: ProgressStep): void {
    const now = this.#now()
    const first = progress.step !== this.#step
    if (first) {
      this.#step = progress.step
      this.#started = { at: now, done: progress.done }
    }
    const last = progress.total > 0 && progress.done >= progress.total
    const every = this.#screen.live ? REDRAW_MS : PLAIN_EVERY_MS
    if (!first && !last && now - this.#shown < every) return
    this.#shown = now
    const { done } = this.#started
    const rate = now > this.#started.at ? ((progress.done - done) * 1000) / (now - this.#started.at) : 0
    const text = stepLine(progress, rate, this.#screen.live)
    if (this.#screen.live && !last) this.#screen.draw(text)
    else this.#screen.line(text)
  }
}

/** The line for one step of work; `rate` is in units per second. */
function stepLine({ step, done, total, unit }: ProgressStep, rate: number, bar: boolean): string {
  const amount = (n: number): string =>
    unit === 'bytes' ? formatSize(Math.round(n)) : `${Math.round(n)} ${unit}`
  if (total === 0 && done === 0) return step // the amount of work is not known yet
  const parts = [step.padEnd(8)]
  if (total > 0) {
    const share = Math.min(1, done / total)
    const filled = Math.floor(share * BAR)
    if (bar) parts.push(`[${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}]`)
    parts.push(`${String(Math.floor(share * 100)).padStart(3)}%`)
  }
  parts.push(amount(done))
  if (rate > 0) {
    parts.push(`${unit === 'bytes' ? formatSize(Math.round(rate)) : rate.toFixed(1)}/s`)
    if (done < total) parts.push(`${clock((total - done) / rate)} left`)
  }
  return parts.join('  ')
}

function paymentLine(payment: Extract<Progress, { event: 'payment' }>): string {
  const { lease, provider, installment, of, msat, feeMsat } = payment
  const fee = feeMsat === '0' ? '' : ` and ${formatAmount(BigInt(feeMsat))} of fees`
  return (
    `paid      ${formatAmount(BigInt(msat))}${fee} to ${provider.slice(0, 8)}` +
    ` for lease ${lease.slice(0, 8)}, ${installment + 1} of ${of}`
  )
}

function jobLine(progress: Extract<Progress, { event: 'segment' | 'mapped' }>): string {
  if (progress.event === 'mapped') {
    const { job, ok, done, total } = progress
    return `${ok ? 'done' : 'FAILED'}    ${job}, ${done} of ${total}`
  }
  const { provider, part, installment, msat } = progress
  const name = { base: 'the base', segment: `segment ${installment}`, rest: 'the last payment' }[part]
  return `paid      ${formatAmount(BigInt(msat))} to ${provider.slice(0, 8)}, ${name}`
}

function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  const two = (n: number): string => String(n).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}
