import crypto from 'hypercore-crypto'
import { domain } from '../../../contracts/schema/codec.js'
import { isHomeFolder } from '../../identity/home-folder.js'
import { leftOutNotes } from '../../files/left-out.js'
import { foldersOf } from '../../files/tree-bounds.js'
import { readTree } from '../../files/tree.js'
import type { Tree } from '../../files/tree.js'
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

/** Looks at a tree without reading its files. */
export async function survey(path: string, exclude: readonly string[] = []): Promise<Survey> {
  const tree = await readTree(path, { choice: { exclude, isSecret: isHomeFolder } })
  const { files, bytes } = tree
  const lines = tree.entries.map(entry => {
    if (entry.kind === 'link') return `${entry.path}\0${entry.target}`
    return `${entry.path}\0${entry.size}\0${entry.changed}`
  })
  const fingerprint = crypto.hash([domain('survey'), Buffer.from(lines.join('\n'))])
  return { files, bytes, fingerprint, cores: await coresOf(tree), notes: leftOutNotes(tree.leftOut) }
}

/** What the cores of the packed tree have at the most. */
async function coresOf({ entries }: Tree): Promise<Survey['cores']> {
  const blobs = { length: 0, byteLength: 0 }
  const list = { length: HEAD_BLOCKS, byteLength: HEAD_BYTES }
  const rows = [...entries.map(({ path }) => path), '', ...(await foldersOf(entries.map(({ path }) => path)))]
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
