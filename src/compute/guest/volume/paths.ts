import { NAME_BYTES } from '../frames.js'
import { refuse } from '../stops.js'
import { Folder } from './volume.js'
import type { Node } from './volume.js'

/** Target of a path: `node` is `name` in `parent`, or null if it does not exist. A `name` of '' is the folder itself. */
export interface Located {
  parent: Folder
  name: string
  node: Node | undefined
  /** The path ends in a slash. */
  mustBeFolder: boolean
}

/** Resolves `path` relative to `base` and never leaves `base`. There are no links. */
export function resolve(base: Folder, path: string): Located {
  if (path === '') refuse('noEntry')
  if (path.startsWith('/')) refuse('notCapable')
  const mustBeFolder = path.endsWith('/')
  const parts = path.split('/').filter(part => part !== '' && part !== '.')
  const way = [base]
  for (const [i, part] of parts.entries()) {
    const parent = way.at(-1)!
    if (part === '..') {
      if (way.length === 1) refuse('notCapable')
      way.pop()
      continue
    }
    if (Buffer.byteLength(part) > NAME_BYTES) refuse('nameTooLong')
    const node = parent.get(part)
    if (i === parts.length - 1) {
      if (mustBeFolder && node && !(node instanceof Folder)) refuse('notFolder')
      return { parent, name: part, node, mustBeFolder }
    }
    if (!node) refuse('noEntry')
    if (!(node instanceof Folder)) refuse('notFolder')
    way.push(node)
  }
  const folder = way.at(-1)!
  return { parent: folder, name: '', node: folder, mustBeFolder: true }
}

/**
 * Moves a node as rename(2) does: over a file, or a folder over an empty folder. Calls `look` before each node that it
 * checks, because the paths in a moved folder may become too long.
 */
export function move(from: Located, to: Located, look: () => void): void {
  const { node } = from
  if (!node) refuse('noEntry')
  if (from.name === '' || to.name === '') refuse('invalid')
  if (from.parent.volume !== to.parent.volume) refuse('crossDevice')
  if (to.node === node) return
  if (node instanceof Folder) {
    if (node.holds(to.parent)) refuse('invalid')
    if (to.node && !(to.node instanceof Folder)) refuse('notFolder')
    if (to.node && to.node.size > 0) refuse('notEmpty')
  } else {
    if (to.mustBeFolder) refuse('notFolder')
    if (to.node instanceof Folder) refuse('isFolder')
  }
  if (node instanceof Folder) {
    node.parent = to.parent
    node.name = to.name
    try {
      assertRoomBelow(node, look)
    } catch (error) {
      node.parent = from.parent
      node.name = from.name
      throw error
    }
  } else to.parent.assertRoomFor(to.name)
  if (to.node) remove(to.parent, to.name, to.node)
  from.parent.delete(from.name)
  to.parent.set(to.name, node)
}

export function remove(parent: Folder, name: string, node: Node): void {
  parent.delete(name)
  if (node instanceof Folder) {
    node.linked = false
    node.volume.giveInode()
  } else node.unlinked()
}

function assertRoomBelow(folder: Folder, look: () => void): void {
  look()
  folder.parent?.assertRoomFor(folder.name)
  for (const [name, node] of folder.sorted) {
    if (node instanceof Folder) assertRoomBelow(node, look)
    else {
      look()
      folder.assertRoomFor(name)
    }
  }
}
