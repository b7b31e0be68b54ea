import { readFileSync, readdirSync } from 'node:fs'

/** Resident memory of a process now, MB. */
export function residentOf(pid: number): number {
  return memoryOf(pid, 'VmRSS')
}

/** Resident memory of a process now without pages of files, which the system takes back when it needs them, MB. */
export function anonymousOf(pid: number): number {
  return memoryOf(pid, 'RssAnon')
}

function memoryOf(pid: number, kind: 'VmRSS' | 'RssAnon'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = new RegExp(`^${kind}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  if (kib === undefined) throw new Error('this system does not tell the memory of a process')
  return (Number(kib) * 1024) / 1e6
}

/** Descriptors that a process has open now: files, sockets and pipes. */
export function filesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Processor time of a process so far, s. */
export function processorOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** The processes that a process has started and that still run. */
export function childrenOf(pid: number): { pid: number; command: string }[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number)
    .flatMap(child => {
      try {
        return [{ pid: child, command: readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' ') }]
      } catch (error) {
        if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code!)) return [] // it has just ended
        throw error
      }
    })
}

/** The most memory and files that a process has while it is watched. */
export class Peak {
  resident = 0
  files = 0
  readonly #timer: NodeJS.Timeout
  readonly #pid: number

  constructor(pid: number, every = 100) {
    this.#pid = pid
    this.#timer = setInterval(() => this.look(), every)
    this.look()
  }

  look(): void {
    this.resident = Math.max(this.resident, residentOf(this.#pid))
    this.files = Math.max(this.files, filesOf(this.#pid))
  }

  end(): this {
    clearInterval(this.#timer)
    return this
  }
}
