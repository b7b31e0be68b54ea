import { readFileSync, readdirSync } from 'node:fs'

/** O_CLOEXEC, as /proc tells flags: octal. */
const CLOSED_AT_EXEC = 0o2000000
const FIRST_AFTER_STREAMS = 3

/**
 * Descriptors of this process that a program would inherit: those that it inherited itself, or that a library opened
 * without O_CLOEXEC. Node opens its own with it. Empty where there is no /proc.
 */
export function inheritable(): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter(fd => fd >= FIRST_AFTER_STREAMS && isInheritable(fd))
}

function isInheritable(fd: number): boolean {
  try {
    const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]
    return (Number.parseInt(flags ?? '0', 8) & CLOSED_AT_EXEC) === 0
  } catch (error) {
    // the descriptor by which the folder was listed
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
