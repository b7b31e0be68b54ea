import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** How often a process is looked at, ms. */
const INTERVAL = 25
/** Of the kernel's clock, in which it tells processor time. */
const TICK_MS = 10

export interface Sample {
  residentBytes: number
  peakBytes: number
  /** Processor time of all its threads since it began. */
  cpuMs: number
}

/** What a process takes, where there is a /proc that says it; null when it is gone, or there is none. */
export async function sampleOf(pid: number): Promise<Sample | null> {
  try {
    const [status, stat] = await Promise.all(
      ['status', 'stat'].map(name => readFile(`/proc/${pid}/${name}`, 'latin1'))
    )
    const bytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status!)?.[1] ?? 0) * 1024
    const times = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')
    return {
      residentBytes: bytes('VmRSS'),
      peakBytes: bytes('VmHWM'),
      cpuMs: (Number(times[11]) + Number(times[12])) * TICK_MS
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ENOENT' || code === 'ESRCH') return null
    throw error
  }
}

/** Looks at a process again and again until `signal` or its end. */
export async function watch(pid: number, signal: AbortSignal, look: (sample: Sample) => void): Promise<void> {
  while (!signal.aborted) {
    const sample = await sampleOf(pid)
    if (signal.aborted || !sample) return
    look(sample)
    await sleep(INTERVAL, undefined, { signal, ref: false }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}
