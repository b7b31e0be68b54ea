import { lstat } from 'node:fs/promises'
import { BushelError } from '../../contracts/errors/error.js'

/** Permission bits of everybody but the owner. */
const OTHERS = 0o077

/**
 * Throws UNSAFE_FOLDER unless the path is a folder of this user that nobody else can open. Whoever can open a home reads
 * its keys, and whoever can write to the folder of a control socket can pose as the node.
 */
export async function demandPrivate(folder: string, otherwise = 'give another --home'): Promise<void> {
  const found = await lstat(folder)
  const me = process.getuid?.() ?? found.uid
  if (found.isDirectory() && found.uid === me && (found.mode & OTHERS) === 0) return
  if (found.isDirectory() && found.uid !== me)
    throw new BushelError(
      'UNSAFE_FOLDER',
      `${folder} belongs to another user (uid ${found.uid}), and you are uid ${me}; nothing was changed`,
      `run this as that user, or ${otherwise}`
    )
  throw new BushelError(
    'UNSAFE_FOLDER',
    `${folder} must be a folder of yours that only you can open; nothing was changed`,
    `if it is yours, run \`chmod 700 '${folder}'\`, or ${otherwise}`
  )
}
