import crypto from 'hypercore-crypto'
import { domain } from '../../../contracts/schema/codec.js'
import { isHomeFolder } from '../../identity/home-folder.js'
import { leftOutNotes } from '../../files/left-out.js'
import { foldersOf } from '../../files/tree-bounds.js'
import { readTree } from '../../files/tree.js'
import type { Tree, TreeEntry } from '../../files/tree.js'
import type { Survey } from '../buyer/mirrors.js'
import { BLOCK_BYTES } from './format.js'

/** Bytes that encryption adds to a block. */
const BLOCK_PADDING = 8
/** At most this many bytes are stored for an entry beside its path, and for the head of the list of entries. */
const ENTRY_BYTES = 384
const HEAD_BYTES = 1024
/** Blocks of the list of entries that are none: its header, and the nodes that grow with it. */
const HEAD_BLOCKS = 4
const ENTRIES_PER_NODE = 8
/** Lines of the fingerprint that are strings at the same time. */
const LINES_PER_PART = 4096

/** Looks at a tree without reading its files. */
export async function survey(path: string, exclude: readonly string[] = []): Promise<Survey> {
  const tree = await readTree(path, { choice: { exclude, isSecret: isHomeFolder } })
  const { files, bytes } = tree
  return {
    files,
    bytes,
    fingerprint: fingerprintOf(tree),
    cores: await coresOf(tree),
    notes: leftOutNotes(tree.leftOut)
  }
}

function fingerprintOf({ entries }: Tree): Buffer {
  const parts = [domain('survey')]
  for (let from = 0; from < entries.length; from += LINES_PER_PART) {
    const lines = entries.slice(from, from + LINES_PER_PART).map(lineOf)
    parts.push(Buffer.from((from > 0 ? '\n' : '') + lines.join('\n')))
  }
  return crypto.hash(parts)
}

function lineOf(entry: TreeEntry): string {
  if (entry.kind === 'link') return `${entry.path}\0${entry.target}`
  return `${entry.path}\0${entry.size}\0${entry.changed}`
}

/** What the cores of the packed tree have at the most. */
async function coresOf({ entries }: Tree): Promise<Survey['cores']> {
  const blobs = { length: 0, byteLength: 0 }
  const list = { length: HEAD_BLOCKS, byteLength: HEAD_BYTES }
  const paths = entries.map(({ path }) => path)
  for (const rows of [paths, [''], await foldersOf(paths)])
    for (const path of rows) {
      list.length += 1 + 1 / ENTRIES_PER_NODE
      list.byteLength += ENTRY_BYTES + Buffer.byteLength(path)
    }
  for (const entry of entries) {
    if (entry.kind === 'link') {
      list.byteLength += Buffer.byteLength(entry.target)
      continue
    }
    const blocks = Math.ceil(entry.size / BLOCK_BYTES)
    blobs.length += blocks
    blobs.byteLength += entry.size + blocks * BLOCK_PADDING
  }
  return [{ ...list, length: Math.ceil(list.length) }, blobs]
}
