import { createHash } from 'node:crypto'
import { lstat, mkdir } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'

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
  const folder = `bushel-${userInfo().uid}`
  const short = join(tmpdir(), folder, name)
  return fits(short) ? short : join('/tmp', folder, name)
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH
}

/** Makes the folder of a socket outside the home; refuses one that another user could reach into. */
export async function prepareControlFolder(path: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const found = await lstat(folder)
  if (found.isDirectory() && found.uid === userInfo().uid && (found.mode & 0o077) === 0) return
  throw new BushelError(
    'UNSAFE_FOLDER',
    `${folder} must be a folder that only you can open; nothing was changed`,
    'remove it or `chmod 700` it, or give a --home with a shorter path'
  )
}
