import { refuse } from '../stops.js'
import type { VolumeFile, Folder, Node } from './volume.js'

const MOST_OPEN = 1024

/** An open file, or one of the three standard streams, which are files without seeking. */
export class OpenDescriptor {
  position = 0
  constructor(
    readonly node: VolumeFile,
    readonly reads: boolean,
    readonly writes: boolean,
    public append: boolean,
    readonly seeks = true
  ) {}
}

export class OpenFolder {
  /** Entries for `readdir`, copied when it begins. */
  listing: readonly [string, Node][] = []
  constructor(
    readonly node: Folder,
    /** Name under which the folder was preopened, or null. */
    readonly preopen: string | null = null
  ) {}
}

export type Open = OpenDescriptor | OpenFolder

/** Table of file descriptors; a new one gets the lowest free number. */
export class Descriptors {
  readonly #open: (Open | null)[] = []

  add(open: Open): number {
    let fd = this.#open.indexOf(null)
    if (fd === -1) fd = this.#open.length
    if (fd >= MOST_OPEN) refuse('tooManyOpen')
    this.#open[fd] = open
    if (open instanceof OpenDescriptor) open.node.opened()
    return fd
  }

  get(fd: number): Open {
    return this.#open[fd] ?? refuse('badFile')
  }

  file(fd: number): OpenDescriptor {
    const open = this.get(fd)
    if (!(open instanceof OpenDescriptor)) refuse('isFolder')
    return open
  }

  folder(fd: number): OpenFolder {
    const open = this.get(fd)
    if (!(open instanceof OpenFolder)) refuse('notFolder')
    return open
  }

  close(fd: number): void {
    const open = this.get(fd)
    this.#open[fd] = null
    if (open instanceof OpenDescriptor) open.node.closed()
  }

  renumber(from: number, to: number): void {
    const open = this.get(from)
    this.get(to)
    if (from === to) return
    this.close(to)
    this.#open[to] = open
    this.#open[from] = null
  }
}
