import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'
import { demandPrivate } from '../identity/private-folder.js'

/** A longer path of a Unix socket is cut by the operating system without a word (107 on Linux, 103 elsewhere). */
const MAX_SOCKET_PATH = 100

/**
 * Where the control socket of a home lies: in the home, or, where that path is too long, in a folder of this user's
 * under the folder for temporary files, named by the home's path.
 */
export function controlPath(home: string): string {
  const own = join(home, 'control.sock')
  if (fits(own)) return own
  const name = createHash('sha256').update(home).digest('hex').slice(0, 24) + '.sock'
  const folder = `bushel-${process.getuid?.() ?? 0}`
  const temporary = resolve(tmpdir()) // a command that runs in another folder has to find it
  const short = join(temporary, folder, name)
  return fits(short) && existsSync(temporary) ? short : join('/tmp', folder, name)
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH
}

/** Makes the folder of a socket outside the home; refuses one that another user could reach into. */
export async function prepareControlFolder(path: string): Promise<void> {
  const folder = dirname(path)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new BushelError(
      'BAD_HOME',
      `the folder ${folder} for the control socket cannot be made: ${(error as Error).message}`,
      'give a --home with a shorter path, or another folder with TMPDIR'
    ).withCause(error)
  }
  await demandPrivate(folder, 'give a --home with a shorter path')
}

/** Refuses a folder in which another user could have put a socket of his own; one that is not there has none. */
export async function demandControlFolder(path: string): Promise<void> {
  try {
    await demandPrivate(dirname(path), 'give a --home with a shorter path')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
