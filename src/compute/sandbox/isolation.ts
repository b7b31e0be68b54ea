import { BushelError } from '../../../contracts/errors/error.js'
import { Child } from './child.js'
import { commandOf, librariesOfNode, pathOf } from './command.js'
import type { Command, Isolation, Shape, HostView } from './command.js'

/** How guests are started on this machine. */
export interface Start {
  isolation: Isolation
  command(shape: Shape, nice: number, flags: readonly string[]): Command
}

const SMALL: Shape = { pages: 1024, cpuSeconds: 60 }

let trying: Promise<Start | null> | null = null

/** The start with bubblewrap, tested once with a real guest; null when bubblewrap does not work on this machine. */
export function bubblewrapStart(): Promise<Start | null> {
  return (trying ??= tryBubblewrap())
}

export const processStart: Start = {
  isolation: 'process',
  command: (shape, nice, flags) => commandOf('process', shape, { nice, flags })
}

/** `bwrap` when bubblewrap is installed and works, else `process`. */
export async function bestIsolation(): Promise<Isolation> {
  return (await bubblewrapStart()) ? 'bwrap' : 'process'
}

async function tryBubblewrap(): Promise<Start | null> {
  if (!pathOf('bwrap')) return null
  const libraries = await librariesOfNode()
  const views: HostView[] = libraries.length > 0 ? ['libraries', 'system'] : ['system']
  for (const view of views) {
    const start: Start = {
      isolation: 'bwrap',
      command: (shape, nice, flags) => commandOf('bwrap', shape, { nice, view, flags }, libraries)
    }
    if (await boots(start)) return start
  }
  return null
}

async function boots(start: Start): Promise<boolean> {
  const child = new Child(start.command(SMALL, 0, []), SMALL, true)
  try {
    await child.ready
    return child.pid !== null
  } catch (error) {
    if (!(error instanceof BushelError)) throw error
    return false
  } finally {
    child.kill()
    await child.death
  }
}
