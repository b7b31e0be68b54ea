import { execFile } from 'node:child_process'
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { runtimeFolder } from './walls/walls.js'

export type Isolation = 'bwrap' | 'process'

/** Limits that are fixed when a process starts. */
export interface Shape {
  /** Most pages of 64 KiB of a wasm memory. */
  pages: number
  /** Seconds of processor time after which the kernel kills the process, as a last resort. */
  cpuSeconds: number
  /** Most bytes that the process may occupy. */
  bytes: number
}

/** Walls that a command asks for, beyond those of bubblewrap itself. */
export interface ExtraWalls {
  /** A filter of system calls (see seccomp.ts). */
  filter: Buffer | null
  /** No user namespaces inside. */
  noUserNamespaces: boolean
  /** A control group of its own, made by systemd. */
  group: boolean
}

const NO_EXTRA_WALLS: ExtraWalls = { filter: null, noUserNamespaces: false, group: false }

export interface Command {
  file: string
  args: string[]
  env: Record<string, string>
  /** What the command reads from descriptor 4 to its end, or null. */
  filter: Buffer | null
}

/** Most threads and processes of a guest: node has about a dozen threads. */
export const MOST_THREADS = 64
/** Where bubblewrap writes the pid of its child, and where it reads the filter. */
export const [INFO_FD, FILTER_FD] = [3, 4] as const

/** Which host folders a guest in bubblewrap can read. */
export type HostView = 'libraries' | 'system'

/** Stack of the guest's main thread, and the part of it reserved for our own calls. */
const STACK_BYTES = 64 << 20
const STACK_SPARE = 1 << 20
/** Default stack of a main thread. */
const USUAL_STACK_BYTES = 8 << 20
/** More than a guest may occupy: near this limit the engine would look through its heap at each growth of a memory. */
const HEAP_MIB = 4096
const OPEN_FILES = 64

const here = realpathSync(dirname(fileURLToPath(import.meta.url)))
const compute = dirname(here)
/** The package.json, which declares the files as ES modules. */
const manifest = join(compute, '..', '..', '..', 'package.json')
const guest = (root: string) => join(root, 'guest')
const fuel = (root: string) => join(root, 'fuel')

/** Path of the guest's code inside bubblewrap. */
const INSIDE = '/bushel'

/** The command that starts a guest. Missing tools are left out together with their restrictions. */
export function commandOf(
  isolation: Isolation,
  shape: Shape,
  {
    nice,
    view = 'libraries',
    flags = [],
    walls = NO_EXTRA_WALLS
  }: { nice: number; view?: HostView; flags?: readonly string[]; walls?: ExtraWalls },
  libraries: readonly string[] = []
): Command {
  const stack = pathOf('prlimit') ? Math.min(STACK_BYTES, hardStackLimit()) : USUAL_STACK_BYTES
  const node = nodeCommand(isolation === 'bwrap' ? INSIDE : compute, shape, stack, flags)
  const words = [
    ...(walls.group ? controlGroup(shape) : []),
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
    ...(isolation === 'bwrap' ? bubblewrap(view, libraries, walls) : unprivileged()),
    ...node
  ]
  const env: Record<string, string> = walls.group ? { XDG_RUNTIME_DIR: runtimeFolder() } : {}
  return { file: words[0]!, args: words.slice(1), env, filter: walls.filter }
}

/** A control group for the command and all that it starts. systemd-run makes it, and then becomes the command. */
function controlGroup({ bytes }: Shape): string[] {
  const limits = [`MemoryMax=${bytes}`, 'MemorySwapMax=0', `TasksMax=${MOST_THREADS}`]
  return tool(
    'systemd-run',
    ...(process.getuid?.() === 0 ? [] : ['--user']),
    ...['--scope', '--quiet', '--collect', ...limits.flatMap(limit => ['-p', limit]), '--']
  )
}

function nodeCommand(root: string, shape: Shape, stack: number, flags: readonly string[]): string[] {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'
  const folders = root === INSIDE ? [INSIDE] : [guest(root), fuel(root), manifest]
  return [
    process.execPath,
    // Optimised code from the start: a long call would stay in baseline code, and NaN bits may differ between tiers.
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

/** Only the files of node and the guest's code, no network, no other processes, user nobody, no capabilities. */
function bubblewrap(
  view: HostView,
  libraries: readonly string[],
  { filter, noUserNamespaces }: ExtraWalls
): string[] {
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
      String(INFO_FD)
    ],
    ...(noUserNamespaces ? ['--disable-userns'] : []),
    ...(filter ? ['--seccomp', String(FILTER_FD)] : []),
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

/** Paths of the libraries that node is linked with and of its loader. */
export async function librariesOfNode(): Promise<string[]> {
  const ldd = pathOf('ldd')
  if (!ldd) return []
  const { stdout } = await promisify(execFile)(ldd, [process.execPath], { env: {} })
  return [...new Set([...stdout.matchAll(/(?<=\s)\/\S+(?= \(0x)/g)].map(([path]) => path))]
}

/** Whether this bubblewrap can keep user namespaces from being made inside (since 0.8). */
export async function disablesUserNamespaces(): Promise<boolean> {
  const { stdout } = await promisify(execFile)(pathOf('bwrap')!, ['--help'], { env: {} })
  return stdout.includes('--disable-userns')
}

function tool(name: string, ...args: string[]): string[] {
  const path = pathOf(name)
  return path ? [path, ...args] : []
}

/** Path of a system program, or null. */
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
