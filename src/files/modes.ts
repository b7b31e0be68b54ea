import { chmod, lstat } from 'node:fs/promises'
import type { PlannedFile } from './tree-plan.js'

/** The permission bits of a file; the bits above them (setuid, setgid, sticky) are neither packed nor restored. */
const PERMISSIONS = 0o777

export function permissionsOf(mode: number): number {
  return mode & PERMISSIONS
}

/** Gives a file its permission bits; those of a file without known bits are the usual ones. */
export async function setMode(path: string, { mode, executable }: PlannedFile): Promise<void> {
  const { mode: before } = await lstat(path)
  const usual = executable ? before | ((before & 0o444) >> 2) : before & ~0o111
  const wanted = permissionsOf(mode ?? usual)
  if (wanted !== (before & 0o7777)) await chmod(path, wanted)
}

/** The mode with which a new file is created: at most what it gets in the end. */
export function modeOfNew({ mode, executable }: PlannedFile): number {
  return mode ?? (executable ? 0o777 : 0o666)
}

/** Whether a file that was created with `modeOfNew` needs `setMode`. */
export function isMasked({ mode }: PlannedFile): boolean {
  return mode !== null && (mode & process.umask()) !== 0
}
