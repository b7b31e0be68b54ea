import { spawnSync } from 'node:child_process'
import { whenStopped } from '../../world/stopping.js'

/** Begins the name of each namespace of ours; the process that made it comes next. */
const PREFIX = 'bq'

/** What `ip -s -json link` prints of a device. */
interface Counted {
  stats64: { tx: { bytes: number } }
}

function tool(program: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')}: ${stderr.trim()}\n${input ?? ''}`)
  return stdout
}

/**
 * Network namespaces of this process, without a connection to the network of this machine: all their links lead to one
 * another. Those that a killed process has left are removed with the first one. Everything is synchronous, because it
 * must also be possible when this process is stopped.
 */
export class Namespaces {
  readonly #names = new Set<string>()
  readonly #forget: () => void

  constructor() {
    for (const name of listed()) if (isOrphan(name)) removeNamespace(name)
    this.#forget = whenStopped(() => this.remove())
  }

  /** A new namespace; gives its whole name. */
  add(short: string): string {
    const name = `${PREFIX}${process.pid}-${short}`
    tool('ip', ['netns', 'add', name])
    this.#names.add(name)
    const settings = 'echo 1 >net/ipv6/conf/all/disable_ipv6 || true; echo 1 >net/ipv4/ip_forward'
    tool('ip', ['netns', 'exec', name, 'sh', '-c', `cd /proc/sys; ${settings}`])
    this.ip(name, 'link set lo up')
    return name
  }

  /** Commands of `ip` in a namespace. */
  ip(name: string, ...commands: string[]): void {
    tool('ip', ['-n', name, '-batch', '-'], commands.join('\n'))
  }

  /** Rules of `nft` in a namespace. */
  nft(name: string, rules: string): void {
    tool('ip', ['netns', 'exec', name, 'nft', '-f', '-'], rules)
  }

  /** Bytes that were sent over a device. */
  sent({ space, device }: { space: string; device: string }): number {
    const [link] = JSON.parse(tool('ip', ['-n', space, '-s', '-json', 'link', 'show', device])) as Counted[]
    return link!.stats64.tx.bytes
  }

  /** Kills what runs in them, and removes them. */
  remove(): void {
    for (const name of this.#names) removeNamespace(name)
    this.#names.clear()
    this.#forget()
  }
}

function listed(): string[] {
  const names = tool('ip', ['netns', 'list']).split('\n')
  return names.map(line => line.split(' ')[0]!).filter(name => name.startsWith(PREFIX))
}

function isOrphan(name: string): boolean {
  const owner = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1])
  if (!owner) return false
  try {
    process.kill(owner, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function removeNamespace(name: string): void {
  // Killing comes first: a namespace lives as long as a process in it.
  for (const pid of tool('ip', ['netns', 'pids', name]).split('\n').filter(Boolean).map(Number)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // ESRCH: it has ended by itself
    }
  }
  tool('ip', ['netns', 'del', name])
}
