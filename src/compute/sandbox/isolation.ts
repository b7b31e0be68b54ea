import { BushelError } from '../../../contracts/errors/error.js'
import { Child } from './child.js'
import { commandOf, disablesUserNamespaces, librariesOfNode, MOST_THREADS, pathOf } from './command.js'
import type { Command, ExtraWalls, HostView, Isolation, Shape } from './command.js'
import { seccompFilter } from './walls/seccomp.js'
import { offersGroups, wallsAround } from './walls/walls.js'
import type { Wall } from './walls/walls.js'

/** How guests are started on this machine. */
export interface Start {
  isolation: Isolation
  /** What was found around a guest that was started in this way. */
  walls: readonly Wall[]
  command(shape: Shape, nice: number, flags: readonly string[]): Command
}

const SMALL: Shape = { pages: 1024, cpuSeconds: 60, bytes: 1 << 30 }

let trying: Promise<Start | null> | null = null

/** The start with bubblewrap, tested once with a real guest; null when bubblewrap does not work on this machine. */
export function bubblewrapStart(): Promise<Start | null> {
  return (trying ??= tryBubblewrap())
}

export const processStart: Start = {
  isolation: 'process',
  walls: [],
  command: (shape, nice, flags) => commandOf('process', shape, { nice, flags })
}

/** `bwrap` when bubblewrap is installed and works, else `process`. */
export async function bestIsolation(): Promise<Isolation> {
  return (await bubblewrapStart()) ? 'bwrap' : 'process'
}

/** What stands around guests of the best isolation. */
export async function bestWalls(): Promise<readonly Wall[]> {
  return ((await bubblewrapStart()) ?? processStart).walls
}

async function tryBubblewrap(): Promise<Start | null> {
  if (!pathOf('bwrap')) return null
  const libraries = await librariesOfNode()
  const views: HostView[] = libraries.length > 0 ? ['libraries', 'system'] : ['system']
  const extras = waysOf({
    filter: seccompFilter(),
    noUserNamespaces: await disablesUserNamespaces(),
    group: offersGroups() && pathOf('systemd-run') !== null
  })
  for (const view of views) {
    for (const walls of extras) {
      const command: Start['command'] = (shape, nice, flags) =>
        commandOf('bwrap', shape, { nice, view, flags, walls }, libraries)
      const found = await boots(command)
      if (!found) continue
      // without new processes and namespaces by the filter, or by bubblewrap
      const isClosed = walls.noUserNamespaces || found.includes('seccomp')
      const all: Wall[] = ['bubblewrap', ...found, ...(isClosed ? (['no-user-namespaces'] as const) : [])]
      return { isolation: 'bwrap', walls: all, command }
    }
  }
  return null
}

/** The walls to try, from all that are offered down to none: a part that does not work here is left out. */
function waysOf(all: ExtraWalls): ExtraWalls[] {
  const ways = [
    all,
    { ...all, group: false },
    { ...all, group: false, noUserNamespaces: false },
    { ...all, group: false, filter: null },
    { filter: null, group: false, noUserNamespaces: false }
  ]
  const keyOf = ({ filter, noUserNamespaces, group }: ExtraWalls): string =>
    [filter !== null, noUserNamespaces, group].join()
  return [...new Map(ways.map(way => [keyOf(way), way])).values()]
}

/** The walls around a guest that was started with this command; null when it does not start. */
async function boots(command: Start['command']): Promise<Wall[] | null> {
  const child = new Child(command(SMALL, 0, []), SMALL, true)
  try {
    await child.ready
    if (child.pid === null) return null
    return await wallsAround(child.pid, { bytes: SMALL.bytes, processes: MOST_THREADS })
  } catch (error) {
    if (!(error instanceof BushelError)) throw error
    return null
  } finally {
    child.kill()
    await child.death
  }
}
