import { PATH_BYTES, PATH_DEPTH } from '../frames.js'
import type { LimitName } from '../frames.js'
import { Stop, refuse } from '../stops.js'

export type Node = VolumeFile | Folder

/** Limits of a volume; exceeding one ends the run. */
export interface Quota {
  bytes: number
  inodes: number
  /** Name of the volume in messages. */
  what: string
}

/** A file tree in memory. An unlinked file counts until its last descriptor is closed. */
export class Volume {
  readonly root: Folder
  readonly quota: Quota
  readonly writable: boolean
  #bytes = 0
  #inodes = 0
  #numbers = 1

  constructor(writable: boolean, quota: Quota) {
    this.writable = writable
    this.quota = quota
    this.root = new Folder(this, 0n, null, '')
  }

  takeBytes(count: number): void {
    if (this.#bytes + count > this.quota.bytes) this.#over('output', this.quota.bytes, 'bytes')
    this.#bytes += count
  }

  giveBytes(count: number): void {
    this.#bytes -= count
  }

  takeInode(): number {
    if (this.#inodes + 1 > this.quota.inodes) this.#over('inodes', this.quota.inodes, 'files and folders')
    this.#inodes++
    return this.#numbers++
  }

  giveInode(): void {
    this.#inodes--
  }

  #over(limit: LimitName, most: number, unit: string): never {
    throw new Stop(limit, `${this.quota.what} would be over its limit of ${most} ${unit}`)
  }
}

export class VolumeFile {
  readonly volume: Volume
  readonly inode: number
  /** Time of the last change, ns since 1970. */
  changed: bigint
  linked = true
  #opens = 0
  #bytes: Uint8Array
  #size: number

  constructor(volume: Volume, changed: bigint, bytes: Uint8Array = new Uint8Array(0)) {
    this.inode = volume.takeInode()
    volume.takeBytes(bytes.byteLength)
    this.volume = volume
    this.changed = changed
    this.#bytes = bytes
    this.#size = bytes.byteLength
  }

  get size(): number {
    return this.#size
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size)
  }

  /** Extends with zeros or truncates. The buffer grows by doubling and shrinks when most of it is unused. */
  resize(size: number): void {
    if (size > this.#size) this.volume.takeBytes(size - this.#size)
    else this.volume.giveBytes(this.#size - size)
    const room = this.#bytes.byteLength
    if (size > room || size < room / 4) {
      const larger =
        size > room ? Math.min(Math.max(size, room * 2), Math.max(size, this.volume.quota.bytes)) : size
      const bytes = new Uint8Array(larger)
      bytes.set(this.#bytes.subarray(0, Math.min(size, this.#size)))
      this.#bytes = bytes
    } else if (size < this.#size) this.#bytes.fill(0, size, this.#size)
    this.#size = size
  }

  opened(): void {
    this.#opens++
  }

  closed(): void {
    this.#opens--
    this.#release()
  }

  unlinked(): void {
    this.linked = false
    this.#release()
  }

  #release(): void {
    if (this.linked || this.#opens > 0) return
    this.resize(0)
    this.volume.giveInode()
  }
}

export class Folder {
  readonly volume: Volume
  readonly inode: number
  changed: bigint
  parent: Folder | null
  name: string
  linked = true
  readonly #children = new Map<string, Node>()
  #sorted: [string, Node][] | null = null

  constructor(volume: Volume, changed: bigint, parent: Folder | null, name: string) {
    this.inode = parent ? volume.takeInode() : 0
    this.volume = volume
    this.changed = changed
    this.parent = parent
    this.name = name
  }

  get size(): number {
    return this.#children.size
  }

  get(name: string): Node | undefined {
    return this.#children.get(name)
  }

  set(name: string, node: Node): void {
    this.#children.set(name, node)
    this.#sorted = null
  }

  delete(name: string): void {
    this.#children.delete(name)
    this.#sorted = null
  }

  /** The children, sorted by the UTF-8 bytes of their names. */
  get sorted(): readonly [string, Node][] {
    this.#sorted ??= [...this.#children]
      .map(entry => ({ entry, key: Buffer.from(entry[0]) }))
      .sort((a, b) => Buffer.compare(a.key, b.key))
      .map(({ entry }) => entry)
    return this.#sorted
  }

  /** Refuses a child whose path from the root would be too long or too deep. */
  assertRoomFor(name: string): void {
    if (!this.linked) refuse('noEntry')
    const above = lineage(this)
    const bytes = above.reduce(
      (sum, folder) => sum + Buffer.byteLength(folder.name) + 1,
      Buffer.byteLength(name)
    )
    const depth = above.length + 1
    if (bytes > PATH_BYTES || depth > PATH_DEPTH) refuse('nameTooLong')
  }

  /** Whether `other` is this folder, which is not a root, or is inside it. */
  holds(other: Folder): boolean {
    return lineage(other).includes(this)
  }
}

/** A folder and its ancestors, without the root. */
function lineage(folder: Folder): Folder[] {
  const found: Folder[] = []
  for (let at = folder; at.parent; at = at.parent) found.push(at)
  return found
}

/** All files under `folder` with their paths, sorted by the UTF-8 bytes of the paths. */
export function filesUnder(folder: Folder): { path: string; file: VolumeFile }[] {
  const found: { path: string; key: Buffer; file: VolumeFile }[] = []
  const look = (at: Folder, prefix: string) => {
    for (const [name, node] of at.sorted) {
      const path = prefix + name
      if (node instanceof Folder) look(node, `${path}/`)
      else found.push({ path, key: Buffer.from(path), file: node })
    }
  }
  look(folder, '')
  return found.sort((a, b) => Buffer.compare(a.key, b.key))
}
