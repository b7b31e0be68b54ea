import { readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'

/** What stands around a guest beside WebAssembly and node's permissions, from the outside in. */
export const WALLS = [
  'bubblewrap',
  'seccomp',
  'no-user-namespaces',
  'memory-cgroup',
  'process-cgroup'
] as const
export type Wall = (typeof WALLS)[number]

/** Bounds of the control group of a guest. */
export interface GroupLimits {
  bytes: number
  processes: number
}

const ROOT = '/sys/fs/cgroup'

/** Whether systemd makes control groups here: cgroup v2, and a manager that answers this user. */
export function offersGroups(): boolean {
  if (!existsSync(`${ROOT}/cgroup.controllers`) || !existsSync('/run/systemd/system')) return false
  return process.getuid?.() === 0 || existsSync(`${runtimeFolder()}/bus`)
}

/** Folder of this user's service manager. */
export function runtimeFolder(): string {
  return process.env['XDG_RUNTIME_DIR'] ?? `/run/user/${process.getuid?.() ?? 0}`
}

/** The walls that are found around a running guest, whatever its command asked for. */
export async function wallsAround(pid: number, { bytes, processes }: GroupLimits): Promise<Wall[]> {
  const [status, group] = await Promise.all(
    ['status', 'cgroup'].map(name => readFile(`/proc/${pid}/${name}`, 'latin1'))
  )
  const walls: Wall[] = []
  if (/^Seccomp:\s+2$/m.test(status!)) walls.push('seccomp')
  const path = /^0::(\/.*)$/m.exec(group!)?.[1]
  if (path === undefined) return walls
  if ((await limitOf(path, 'memory.max')) <= bytes) walls.push('memory-cgroup')
  if ((await limitOf(path, 'pids.max')) <= processes) walls.push('process-cgroup')
  return walls
}

async function limitOf(group: string, file: string): Promise<number> {
  try {
    return Number(await readFile(`${ROOT}${group}/${file}`, 'latin1')) || Infinity
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return Infinity
    throw error
  }
}
