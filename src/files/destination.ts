import { chmod, mkdir, readdir, rename, symlink, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'
import { assertRoom, removeFolder } from './disk.js'
import { DISK, askDisk, makeFolders } from './disk-names.js'
import type { DiskCalls } from './disk-names.js'
import { permissionsOf, setMode } from './modes.js'
import { look, moveNew, moveOver, partFor, tryPart } from './part.js'
import type { TreePlan, PlannedFile } from './tree-plan.js'
import { sumOfFile } from './tree.js'

/** What an empty folder takes of a disk, about. */
const FOLDER_BYTES = 4096

/**
 * The place where a planned tree is written. `dest` is the path of the tree, or of its single file. Files are written to
 * a part of their own (`partFor`) and moved into place at the end. Nothing is ever written through a symbolic link.
 */
export class Destination<F extends PlannedFile = PlannedFile> {
  readonly dest: string
  readonly part: string
  readonly #plan: TreePlan<F>
  readonly #force: boolean
  readonly #disk: DiskCalls

  private constructor(dest: string, part: string, plan: TreePlan<F>, force: boolean, disk: DiskCalls) {
    this.#disk = disk
    this.dest = dest
    this.part = part
    this.#plan = plan
    this.#force = force
  }

  static async at<F extends PlannedFile>(
    dest: string,
    plan: TreePlan<F>,
    force: boolean,
    disk: DiskCalls = DISK
  ): Promise<Destination<F>> {
    const names = new Set([...plan.files, ...plan.links].map(({ path }) => path.split('/', 1)[0]))
    return new Destination(dest, await partFor(dest, plan.root, name => names.has(name)), plan, force, disk)
  }

  /** Writes a little where the tree is to be written, and removes it. Throws as `survey`, or the error of the system. */
  async try(): Promise<void> {
    await this.survey()
    await tryPart(this.part)
  }

  /** The path at which a file of the plan is written before it is moved. */
  partOf(path: string): string {
    return join(this.part, this.#nameInPart(path))
  }

  /** A single file is written under a name that every disk takes: the name that it has in the drive is not the one it gets. */
  #nameInPart(path: string): string {
    return this.#plan.root === 'file' ? 'file' : path
  }

  #destOf(path: string): string {
    return this.#plan.root === 'file' ? this.dest : join(this.dest, path)
  }

  /**
   * Finds the files that already exist at the destination with the planned content, and gives their checksums (hex).
   * Throws IN_THE_WAY or FILE_EXISTS, before anything is written, when another file, folder or link is in the way. `force`
   * allows to overwrite files, but not folders, and not links in place of folders.
   */
  async survey(signal?: AbortSignal): Promise<Map<F, string>> {
    const same = new Map<F, string>()
    const standing = await look(this.dest)
    if (!standing) return same
    if (this.#plan.root === 'folder') {
      if (!standing.isDirectory() && !(this.#force && standing.isFile()))
        throw inTheWay(this.dest, 'a folder')
      if (!standing.isDirectory()) return same
      for (const folder of this.#plan.folders) {
        const found = await look(join(this.dest, folder))
        if (found && !found.isDirectory()) throw inTheWay(join(this.dest, folder), 'a folder')
      }
    }
    for (const file of this.#plan.files) {
      signal?.throwIfAborted()
      const path = this.#destOf(file.path)
      const found = await look(path)
      if (!found) continue
      if (found.isDirectory()) throw inTheWay(path, 'a file')
      if (found.isFile() && found.size === file.size && file.sha256 !== null) {
        const { sha256 } = await sumOfFile(path, signal)
        if (sha256 === file.sha256) {
          same.set(file, sha256)
          continue
        }
      }
      const maybeSame = found.isFile() && found.size === file.size && file.sha256 === null
      if (!this.#force && !maybeSame) throw different(path)
    }
    for (const { path } of this.#plan.links) {
      const at = this.#destOf(path)
      const found = await look(at)
      if (found && !found.isSymbolicLink() && (found.isDirectory() || !this.#force)) throw different(at)
    }
    return same
  }

  /**
   * Creates the folders of the part, and removes everything from it that this plan does not contain. What the disk refuses is
   * taken out of the plan, and left out.
   */
  async prepare(signal?: AbortSignal): Promise<void> {
    await mkdir(dirname(this.dest), { recursive: true })
    const standing = await look(this.part)
    if (standing && !standing.isDirectory()) await unlink(this.part)
    await mkdir(this.part, { recursive: true })
    const folders = new Set(this.#plan.folders)
    const files = new Set(this.#plan.files.map(({ path }) => this.#nameInPart(path)))
    await this.#prune('', folders, files)
    await assertRoom(this.part, FOLDER_BYTES * this.#plan.folders.length)
    await makeFolders(this.#plan, this.part, this.#disk, signal)
    if (this.#plan.root === 'folder') await askDisk(this.#plan, this.part, this.#disk, signal)
    await this.#checkClashes()
  }

  async #prune(prefix: string, folders: Set<string>, files: Set<string>): Promise<void> {
    const at = (path: string): string => join(this.part, path)
    for (const child of await readdir(at(prefix), { withFileTypes: true })) {
      const path = prefix ? `${prefix}/${child.name}` : child.name
      if (child.isDirectory()) await chmod(at(path), 0o700) // it may be read-only already
      if (child.isDirectory() && folders.has(path)) await this.#prune(path, folders, files)
      else if (!child.isFile() || !files.has(path)) await removeFolder(at(path))
    }
  }

  /** Throws NAMES_CLASH when names that differ only in case or accents are the same name on this file system. */
  async #checkClashes(): Promise<void> {
    for (const [a, b] of this.#plan.clashes) {
      const probe = join(this.part, '.bushel-a\u00e9')
      const other = join(
        this.part,
        a.toLowerCase() === b.toLowerCase() ? '.BUSHEL-A\u00e9' : '.bushel-ae\u0301'
      )
      await mkdir(probe, { recursive: true })
      const merged = (await look(other)) !== null
      await removeFolder(probe)
      if (merged) {
        throw new BushelError(
          'NAMES_CLASH',
          `'${a}' and '${b}' are the same name on this disk; nothing was written`
        )
      }
    }
  }

  /**
   * Moves the written files to the destination, with links and modes, and removes the part. `same` are the files that
   * `survey` found, `sums` the checksums of all files; one without is left out. An existing file with the same content, and
   * the mode of an existing folder, are kept. Throws as `survey`.
   */
  async install(
    same: ReadonlyMap<PlannedFile, string>,
    sums: ReadonlyMap<PlannedFile, string>
  ): Promise<void> {
    const standing = await look(this.dest)
    if (this.#plan.root === 'file') {
      const file = this.#plan.files[0]!
      if (same.has(file)) await setMode(this.dest, file)
      else await this.#installFile(file, sums.get(file)!)
    } else if (!standing) {
      for (const { path, target } of this.#plan.links) await symlink(target, this.partOf(path))
      await this.#setFolderModes(this.part, ['', ...this.#plan.folders])
      await rename(this.part, this.dest)
      return
    } else {
      const fresh = standing.isDirectory() ? [] : ['']
      if (!standing.isDirectory()) await unlink(this.dest)
      await mkdir(this.dest, { recursive: true })
      fresh.push(...(await this.#merge(same, sums)))
      await this.#setFolderModes(this.dest, fresh)
    }
    await removeFolder(this.part)
  }

  /** Moves everything into an existing folder. Returns the folders that were created in it, parents first. */
  async #merge(
    same: ReadonlyMap<PlannedFile, string>,
    sums: ReadonlyMap<PlannedFile, string>
  ): Promise<string[]> {
    const created: string[] = []
    for (const folder of this.#plan.folders) {
      const path = join(this.dest, folder)
      const found = await look(path)
      if (found && !found.isDirectory()) throw inTheWay(path, 'a folder')
      if (found) continue
      await mkdir(path)
      created.push(folder)
    }
    for (const file of this.#plan.files) {
      if (same.has(file)) await setMode(this.#destOf(file.path), file)
      else if (sums.has(file)) await this.#installFile(file, sums.get(file)!)
    }
    for (const { path, target } of this.#plan.links) {
      const at = this.#destOf(path)
      const found = await look(at)
      if (found?.isDirectory() || (found && !found.isSymbolicLink() && !this.#force)) throw different(at)
      if (found) await unlink(at)
      await symlink(target, at)
    }
    return created
  }

  /** Children first: a folder may be read-only afterwards. */
  async #setFolderModes(root: string, folders: readonly string[]): Promise<void> {
    for (const folder of [...folders].reverse()) {
      const mode = this.#plan.folderModes.get(folder)
      if (mode !== undefined) await chmod(join(root, folder), permissionsOf(mode))
    }
  }

  async #installFile(file: PlannedFile, sha256: string): Promise<void> {
    const from = this.partOf(file.path)
    const to = this.#destOf(file.path)
    if (this.#force) {
      const found = await look(to)
      if (found?.isDirectory()) throw inTheWay(to, 'a file')
      return moveOver(from, to)
    }
    if (await moveNew(from, to)) return
    const found = await look(to)
    if (!found?.isFile() || (await sumOfFile(to)).sha256 !== sha256) throw different(to)
    await setMode(to, file)
  }
}

function inTheWay(path: string, where: string): BushelError {
  return new BushelError(
    'IN_THE_WAY',
    `'${path}' is where ${where} must go; it was not overwritten`,
    'choose another destination, or move it out of the way'
  )
}

function different(path: string): BushelError {
  return new BushelError(
    'FILE_EXISTS',
    `'${path}' already exists and is different; it was not overwritten`,
    'choose another destination, or overwrite it with --force'
  )
}
