import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'

/** The home of this user, who may have no entry in the user database, as in containers; then null. */
export function defaultHome(): string | null {
  let folder = ''
  try {
    folder = homedir()
  } catch {
    // neither HOME nor an entry
  }
  return isAbsolute(folder) ? join(folder, '.bushel') : null
}

export function noDefaultHome(): BushelError {
  return new BushelError(
    'BAD_HOME',
    'this user has no home folder: HOME is not set, and the system does not know the user',
    'give the folder of the node with --home DIR or BUSHEL_HOME'
  )
}
