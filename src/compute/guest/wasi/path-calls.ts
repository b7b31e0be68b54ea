import { call } from './calls.js'
import type { WasiCall } from './calls.js'
import { OpenDescriptor, OpenFolder } from '../volume/descriptors.js'
import { APPEND, OPEN_FLAG, WANTS_READ, WANTS_WRITE, timeToSet, writeFilestat } from './layout.js'
import type { Machine } from './machine.js'
import { move, remove, resolve } from '../volume/paths.js'
import type { Located } from '../volume/paths.js'
import { refuse } from '../stops.js'
import { VolumeFile, Folder } from '../volume/volume.js'

/** Most bytes of a path argument; it may contain `..`. */
const MOST_PATH = 4096
/** Items that a node counts as when all the folders above it are looked at. */
const NODE_ITEMS = 4

/** The `path_` calls. There are no links, symbolic or hard. */
export function pathCalls({ memory, account, clock, descriptors }: Machine): Record<string, WasiCall> {
  function located(fd: number, at: number, length: number): Located {
    const { node } = descriptors.folder(fd)
    account.bytes(Math.min(length, MOST_PATH))
    const path = memory.text(at, length, MOST_PATH)
    account.items(path.split('/').length)
    return resolve(node, path)
  }

  function existing(fd: number, at: number, length: number): Located & { node: VolumeFile | Folder } {
    const found = located(fd, at, length)
    return { ...found, node: found.node ?? refuse('noEntry') }
  }

  function assertWritable({ parent }: Located): void {
    if (!parent.volume.writable) refuse('readOnly')
  }

  function prepare(to: Located): void {
    assertWritable(to)
    to.parent.assertRoomFor(to.name)
    to.parent.changed = clock.now
  }

  function create(to: Located): VolumeFile {
    if (to.mustBeFolder) refuse('isFolder')
    prepare(to)
    const file = new VolumeFile(to.parent.volume, clock.now)
    to.parent.set(to.name, file)
    return file
  }

  return {
    path_open: call('iiiiiIIii', (fd, _follow, at, length, flags, rights, _inheriting, fdFlags, result) => {
      memory.slice(result, 4)
      const to = located(fd, at, length)
      if (to.node && flags & OPEN_FLAG.create && flags & OPEN_FLAG.exclusive) refuse('exists')
      const wantsFolder = (flags & OPEN_FLAG.folder) !== 0
      const writes = (rights & WANTS_WRITE) !== 0n
      if (!to.node && (wantsFolder || !(flags & OPEN_FLAG.create))) refuse('noEntry')
      const node = to.node ?? create(to)
      if (node instanceof Folder) {
        if (flags & OPEN_FLAG.truncate || (writes && !wantsFolder)) refuse('isFolder')
        memory.setU32(result, descriptors.add(new OpenFolder(node)))
        return
      }
      if (wantsFolder) refuse('notFolder')
      if (writes || flags & OPEN_FLAG.truncate) assertWritable(to)
      const open = new OpenDescriptor(node, (rights & WANTS_READ) !== 0n, writes, (fdFlags & APPEND) !== 0)
      const opened = descriptors.add(open)
      if (flags & OPEN_FLAG.truncate) node.resize(0)
      memory.setU32(result, opened)
    }),
    path_create_directory: call('iii', (fd, at, length) => {
      const to = located(fd, at, length)
      if (to.node) refuse('exists')
      prepare(to)
      to.parent.set(to.name, new Folder(to.parent.volume, clock.now, to.parent, to.name))
    }),
    path_remove_directory: call('iii', (fd, at, length) => {
      const from = existing(fd, at, length)
      assertWritable(from)
      if (!(from.node instanceof Folder)) refuse('notFolder')
      if (from.name === '') refuse('invalid')
      if (from.node.size > 0) refuse('notEmpty')
      remove(from.parent, from.name, from.node)
    }),
    path_unlink_file: call('iii', (fd, at, length) => {
      const from = existing(fd, at, length)
      assertWritable(from)
      if (from.node instanceof Folder) refuse('isFolder')
      remove(from.parent, from.name, from.node)
    }),
    path_rename: call('iiiiii', (fd, at, length, toFd, toAt, toLength) => {
      const from = existing(fd, at, length)
      const to = located(toFd, toAt, toLength)
      assertWritable(from)
      assertWritable(to)
      move(from, to, () => account.items(NODE_ITEMS))
    }),
    path_filestat_get: call('iiiii', (fd, _follow, at, length, result) => {
      writeFilestat(memory, result, existing(fd, at, length).node)
    }),
    path_filestat_set_times: call('iiiiIIi', (fd, _follow, at, length, _accessed, changed, flags) => {
      const found = existing(fd, at, length)
      assertWritable(found)
      found.node.changed = timeToSet(flags, changed, clock.now) ?? found.node.changed
    }),
    path_readlink: call('iiiiii', (fd, at, length) => {
      existing(fd, at, length)
      refuse('invalid')
    }),
    path_link: call('iiiiiii', () => refuse('notSupported')),
    path_symlink: call('iiiii', () => refuse('notSupported'))
  }
}
