import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Time between two samples of a process, ms. */
const INTERVAL = 25
/** Unit of the processor times in /proc, ms. */
const TICK_MS = 10

export interface Sample {
  residentBytes: number
  peakBytes: number
  threads: number
  /** Processor time of all its threads since its start. */
  cpuMs: number
}

/** Memory and processor time of a process from /proc; null when the process is gone or there is no /proc. */
async function sampleOf(pid: number): Promise<Sample | null> {
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
      threads: Number(/^Threads:\s+(\d+)/m.exec(status!)?.[1] ?? 0),
      cpuMs: (Number(times[11]) + Number(times[12])) * TICK_MS
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ENOENT' || code === 'ESRCH') return null
    throw error
  }
}

/** Samples a process at an interval until `signal` is aborted or the process ends. */
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
