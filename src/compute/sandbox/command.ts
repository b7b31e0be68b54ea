import { execFile } from 'node:child_process'
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export type Isolation = 'bwrap' | 'process'

/** What is fixed when a process starts, in full steps. */
export interface Shape {
  /** Pages of 64 KiB that a memory may have. */
  pages: number
  /** Seconds of processor time after which the kernel ends it, whatever else fails. */
  cpuSeconds: number
}

export interface Command {
  file: string
  args: string[]
}

/** What of the host a guest in bubblewrap sees, read-only. */
export type HostView = 'libraries' | 'system'

/** Of the guest's main thread: what a module's calls may take, and room for ours below them. */
const STACK_BYTES = 64 << 20
const STACK_SPARE = 1 << 20
/** What a main thread has where nobody says otherwise. */
const USUAL_STACK_BYTES = 8 << 20
const HEAP_MIB = 256
const OPEN_FILES = 64

const here = realpathSync(dirname(fileURLToPath(import.meta.url)))
const compute = dirname(here)
/** Of the package: it says that its files are ES modules. */
const manifest = join(compute, '..', '..', '..', 'package.json')
const guest = (root: string) => join(root, 'guest')
const fuel = (root: string) => join(root, 'fuel')

/** Where the guest's code is in bubblewrap. */
const INSIDE = '/bushel'

/** How a guest is started. Tools that are not there are left out, with what they would have done. */
export function commandOf(
  isolation: Isolation,
  shape: Shape,
  { nice, view = 'libraries', flags = [] }: { nice: number; view?: HostView; flags?: readonly string[] },
  libraries: readonly string[] = []
): Command {
  const stack = pathOf('prlimit') ? Math.min(STACK_BYTES, hardStackLimit()) : USUAL_STACK_BYTES
  const node = nodeCommand(isolation === 'bwrap' ? INSIDE : compute, shape, stack, flags)
  const words = [
    ...tool('nice', '-n', String(nice)),
    ...tool('ionice', '-c', '3'),
    ...tool('choom', '-n', '1000', '--'),
    ...tool(
      'prlimit',
      `--cpu=${shape.cpuSeconds}:${shape.cpuSeconds + 1}`,
      '--core=0',
      '--fsize=0',
      `--nofile=${OPEN_FILES}`,
      `--stack=${stack}:`
    ),
    ...(isolation === 'bwrap' ? bubblewrap(view, libraries) : unprivileged()),
    ...node
  ]
  return { file: words[0]!, args: words.slice(1) }
}

function nodeCommand(root: string, shape: Shape, stack: number, flags: readonly string[]): string[] {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'
  const folders = root === INSIDE ? [INSIDE] : [guest(root), fuel(root), manifest]
  return [
    process.execPath,
    // Optimised from the start: otherwise one long call stays in baseline code, and NaN bits may differ between tiers.
    '--no-liftoff',
    '--no-wasm-lazy-compilation',
    `--wasm-max-mem-pages=${shape.pages}`,
    `--max-old-space-size=${HEAP_MIB}`,
    `--stack-size=${Math.floor((stack - STACK_SPARE) / 1024)}`,
    '--v8-pool-size=1',
    '--disable-proto=throw',
    '--no-addons',
    '--disallow-code-generation-from-strings',
    '--no-warnings',
    permission,
    ...folders.map(path => `--allow-fs-read=${path === manifest ? path : join(path, '*')}`),
    ...flags,
    join(guest(root), 'main.js')
  ]
}

/** No files but node and the guest's code, no network, no other processes, nobody's user, no capability. */
function bubblewrap(view: HostView, libraries: readonly string[]): string[] {
  const bind = (path: string, inside = path) => ['--ro-bind', path, inside]
  const system =
    view === 'libraries'
      ? libraries.flatMap(path => bind(path))
      : ['/usr', '/lib', '/lib64'].flatMap(path => ['--ro-bind-try', path, path])
  return [
    ...tool('bwrap', '--unshare-all', '--unshare-user', '--uid', '65534', '--gid', '65534'),
    ...[
      '--die-with-parent',
      '--as-pid-1',
      '--new-session',
      '--clearenv',
      '--cap-drop',
      'ALL',
      '--info-fd',
      '3'
    ],
    ...system,
    ...(view === 'system' && process.execPath.startsWith('/usr/') ? [] : bind(process.execPath)),
    ...bind(guest(compute), guest(INSIDE)),
    ...bind(fuel(compute), fuel(INSIDE)),
    ...bind(manifest, join(INSIDE, 'package.json')),
    ...['--remount-ro', '/', '--chdir', '/']
  ]
}

function unprivileged(): string[] {
  const drop = process.getuid?.() === 0 ? ['--bounding-set=-all', '--inh-caps=-all'] : []
  return tool('setpriv', '--no-new-privs', '--pdeathsig', 'KILL', ...drop)
}

/** The libraries that node is linked with, and its loader. */
export async function librariesOfNode(): Promise<string[]> {
  const ldd = pathOf('ldd')
  if (!ldd) return []
  const { stdout } = await promisify(execFile)(ldd, [process.execPath], { env: {} })
  return [...new Set([...stdout.matchAll(/(?<=\s)\/\S+(?= \(0x)/g)].map(([path]) => path))]
}

function tool(name: string, ...args: string[]): string[] {
  const path = pathOf(name)
  return path ? [path, ...args] : []
}

/** Where a program of the system is, or null. */
export function pathOf(name: string): string | null {
  if (process.platform !== 'linux') return null
  const folders = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', ...(process.env['PATH'] ?? '').split(delimiter)]
  for (const folder of folders.filter(folder => folder.startsWith('/'))) {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return join(folder, name)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
    }
  }
  return null
}

function hardStackLimit(): number {
  const hard = /^Max stack size\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
  return hard === undefined ? Infinity : Number(hard)
}
