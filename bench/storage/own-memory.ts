import { readFileSync } from 'node:fs'

/** A line of /proc/self/status such as `RssAnon`, MB. */
export function memoryOf(what: string): number {
  const status = readFileSync('/proc/self/status', 'utf8')
  const kib = new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  if (kib === undefined) throw new Error('this system does not tell the memory of a process')
  return (Number(kib) * 1024) / 1e6
}
