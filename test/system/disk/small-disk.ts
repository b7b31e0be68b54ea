import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { whenStopped } from '../../world/stopping.js'

const isRoot = process.getuid?.() === 0
const UNSHARE = isRoot ? ['--mount'] : ['--user', '--map-root-user', '--mount']
const NSENTER = isRoot ? ['--mount'] : ['--user', '--preserve-credentials', '--mount']

/** Why no disk can be mounted here, or false. It is the `skip` of a test. */
export function noMounts(): string | false {
  if (process.platform !== 'linux') return 'mount namespaces are a thing of Linux'
  for (const tool of ['nsenter', 'fallocate'])
    if (spawnSync(tool, ['--version']).status !== 0) return `the program ${tool} is not there`
  const tried = spawnSync('unshare', [...UNSHARE, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
    encoding: 'utf8'
  })
  return tried.status === 0 ? false : `no tmpfs can be mounted: ${tried.stderr.trim()}`
}

/** So often a disk is filled that others write to. */
const TRIES = 20

/** A disk in memory that only processes started `under` it see. It ends with the test. */
export class SmallDisk {
  readonly #path: string
  readonly #holder: ChildProcess
  readonly #bytes: number

  private constructor(path: string, holder: ChildProcess, bytes: number) {
    this.#path = path
    this.#holder = holder
    this.#bytes = bytes
  }

  /** Mounts a disk of so many bytes at a path, which is made. */
  static async mount(
    scope: { after(done: () => unknown): void },
    path: string,
    bytes: number
  ): Promise<SmallDisk> {
    await mkdir(path, { recursive: true })
    const mounting = `mount -t tmpfs -o mode=700,size=${bytes} tmpfs "$0" && echo mounted && exec sleep infinity`
    const holder = spawn('unshare', [...UNSHARE, 'sh', '-c', mounting, path], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    const kill = (): void => void holder.kill('SIGKILL')
    const forget = whenStopped(kill)
    scope.after(() => {
      kill()
      forget()
    })
    await once(holder.stdout, 'data')
    return new SmallDisk(path, holder, bytes)
  }

  /** The words of a command that starts a process which sees the disk. */
  get under(): readonly string[] {
    return ['nsenter', '--target', String(this.#holder.pid), ...NSENTER, '--']
  }

  /** A path on the disk, as this process reaches it. */
  at(...names: string[]): string {
    return join(`/proc/${this.#holder.pid}/root`, this.#path, ...names)
  }

  async freeBytes(): Promise<number> {
    const { blocks, bavail, bsize } = await statfs(this.at())
    // A folder that is removed where the disk is not seen takes the disk with it.
    if (blocks * bsize > 2 * this.#bytes)
      throw new Error(`the disk at '${this.#path}' is not mounted any more`)
    return bavail * bsize
  }

  /** Takes all of the disk but `left` bytes. Tried again where a process has taken some of it meanwhile. */
  async fill(left = 0): Promise<void> {
    for (let tries = 1; ; tries++) {
      const taken = (await this.freeBytes()) - left
      if (taken <= 0) return
      const { status, stderr } = spawnSync('fallocate', ['-l', String(taken), this.at('filler')], {
        encoding: 'utf8'
      })
      if (status === 0) return
      if (tries === TRIES) throw new Error(stderr)
    }
  }

  /** Gives back what `fill` took. */
  async clear(): Promise<void> {
    await rm(this.at('filler'), { force: true })
  }
}
