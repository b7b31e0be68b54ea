import { EventEmitter, once } from 'node:events'
import { cpus } from 'node:os'
import { Poller } from '../../base/poller.js'
import { trustedNow } from '../../base/time/trusted-time.js'

export interface ScheduleSettings {
  /** When others' jobs may run, minutes of the local day; null is always. From 22:00 to 07:00 is { from: 1320, to: 420 }. */
  hours: { from: number; to: number } | null
  /** Run jobs only while the machine is idle. */
  onlyIdle: boolean
  /** True until the owner resumes jobs. */
  paused?: boolean
}

export interface ScheduleOptions {
  settings: ScheduleSettings
  now?: () => number
  /** Number of processors that other programs kept busy since the last call. */
  busy?: () => number
  /** ms between two measurements. */
  every?: number
}

/** The machine is idle when other programs use less than this many processors. */
const IDLE = 0.5
/** Idle measurements in a row before work goes on; a single busy one stops the work. */
const LOOKS = 2

/** Decides when others' jobs may run on the owner's machine. Event: `change` when the decision changes. */
export class WorkSchedule extends EventEmitter {
  #settings: ScheduleSettings
  readonly #now: () => number
  readonly #busy: () => number
  readonly #poller: Poller
  #idleLooks = LOOKS
  #wasOpen: boolean

  constructor({ settings, now = trustedNow, busy = busyProcessors(), every = 5000 }: ScheduleOptions) {
    super()
    this.setMaxListeners(0)
    this.#settings = settings
    this.#now = now
    this.#busy = busy
    this.#wasOpen = this.open
    this.#poller = new Poller({
      look: () => this.look(),
      interval: every,
      onerror: error => this.emit('error', error)
    })
    void this.#poller.start(every)
  }

  /** Why no job may run now, or null. */
  get fault(): string | null {
    const { hours, onlyIdle, paused } = this.#settings
    if (paused) return 'the owner has paused jobs here'
    if (hours && !isWithin(hours, this.#now())) return 'this is outside the hours in which jobs run here'
    return onlyIdle && this.#idleLooks < LOOKS ? 'jobs run here only while the machine is idle' : null
  }

  get open(): boolean {
    return this.fault === null
  }

  set(settings: ScheduleSettings): void {
    this.#settings = settings
    this.#tell()
  }

  look(): void {
    this.#idleLooks = this.#busy() < IDLE ? this.#idleLooks + 1 : 0
    this.#tell()
  }

  #tell(): void {
    if (this.open === this.#wasOpen) return
    this.#wasOpen = this.open
    this.emit('change')
  }

  /** Resolves when jobs may run. */
  async whenOpen(signal: AbortSignal): Promise<void> {
    while (!this.open) await once(this, 'change', { signal })
  }

  async stop(): Promise<void> {
    await this.#poller.close()
  }
}

function isWithin({ from, to }: { from: number; to: number }, at: number): boolean {
  const date = new Date(at)
  const minute = date.getHours() * 60 + date.getMinutes()
  return from <= to ? minute >= from && minute < to : minute >= from || minute < to
}

/** Returns a function that measures busy processors since its last call, without low-priority processes such as guests. */
export function busyProcessors(processors = cpus): () => number {
  const read = (): { busy: number; all: number } => {
    let [busy, all] = [0, 0]
    for (const { times } of processors()) {
      const { user, nice, sys, idle, irq } = times
      busy += user + sys + irq
      all += user + nice + sys + idle + irq
    }
    return { busy, all }
  }
  let last = read()
  return () => {
    const before = last
    last = read()
    const passed = last.all - before.all
    return passed > 0 ? (processors().length * (last.busy - before.busy)) / passed : 0
  }
}
