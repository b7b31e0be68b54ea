import type { Duplex } from 'node:stream'
import Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { core as keys } from 'hypercore-storage/lib/keys.js'
import Protomux from 'protomux'
import { MIB } from '../../contracts/money/quantity.js'
import { CoreStorage } from '../base/disk/core-storage.js'
import { forgetPauses } from '../base/bounds/silent-peers.js'

/**
 * A Corestore in `folder`, tuned for large blocks. Its blob files are small, so that they go away soon after what is in
 * them has been cleared; and compactions never copy live blocks, which by default rewrites a growing store again and
 * again (measured: 3.7 bytes written for each kept in 4 GiB, against 2.0).
 */
export function openStore(folder: string): Corestore {
  return new Corestore(
    new CoreStorage(folder, {
      writeBufferSize: 16 * MIB,
      blobFileSize: 16 * MIB,
      blobGarbageCollectionAgeCutOff: 0,
      allowBackup: true, // of a home that was copied: nothing in it is written to once it was given away
      maxOpenFiles: 256
    })
  )
}

/** RocksDB's policy for blobs in a compaction: files of nothing but cleared blobs go away, none is written anew. */
const COPY_NOTHING = { blobGarbageCollectionPolicy: 2 }

/** Moves what is only in a core's write-ahead log into tables: it then survives loss of power, and the log's disk is free. */
export async function settleCore(core: Hypercore): Promise<void> {
  await core.core.state.storage.db.flush()
}

/** Gives the disk of a core's cleared blocks back: blob files of nothing but cleared blocks are deleted. */
export async function compactCore(core: Hypercore): Promise<void> {
  const { db, core: pointers } = core.core.state.storage
  await db.flush()
  await db.compactRange(keys.data(pointers.dataPointer), keys.data(pointers.dataPointer + 1), COPY_NOTHING)
}

/**
 * Removes a core and everything kept of it from its store, and gives its disk back. No other session of it may be open.
 * (Hypercore's own `purge` does not work in this version.)
 */
export async function eraseCore(store: Corestore, session: Hypercore): Promise<void> {
  await session.ready()
  const core = session.core
  const pointers = core.state.storage.core
  await session.close()
  await core.close()
  const { map } = store.cores
  const id = core.discoveryKey.toString('hex')
  if (map.get(id) === core) map.delete(id) // the store keeps a core that was closed beside its sessions
  await store.storage.deleteCore(pointers)
  const { db } = store.storage
  const data = [keys.data(pointers.dataPointer), keys.data(pointers.dataPointer + 1)] as const
  const write = db.write({ autoDestroy: true })
  write.tryDeleteRange(...data)
  await write.flush()
  await db.flush()
  await db.compactRange(...data, COPY_NOTHING)
}

/**
 * Replicates one core over a connection, in both directions, as far as the core's sessions want and have blocks. Whoever
 * does not know the core's key cannot open the channel.
 */
export function attachCore(core: Hypercore, stream: Duplex): void {
  core.replicate(stream)
}

/** Who may read a core, by the core itself, so that it does not matter which part of this node opened a channel for it. */
const gates = new WeakMap<object, (stream: Duplex) => boolean>()

/** From now on nobody is sent a block or hash of this core over a connection for which `mayRead` is false. */
export function gateCore(core: Hypercore, mayRead: (stream: Duplex) => boolean): void {
  gates.set(core.core, mayRead)
}

/** `core` is the inner core of a session. */
export function mayReadCore(core: object, stream: Duplex): boolean {
  return gates.get(core)?.(stream) ?? true
}

/** Ends the replication of one core over one connection, which stays up; without one, over all. */
export function detachCore(core: Hypercore, stream?: Duplex): void {
  const { replicator } = core.core
  forgetPauses(core.core as object, stream)
  const mux = stream && Protomux.from(stream)
  for (const peer of [...replicator.peers]) {
    if (mux && peer.protomux !== mux) continue
    peer.channel.close()
  }
  for (const attached of [...replicator._attached]) {
    if (!mux || attached === mux) replicator.detachFrom(attached)
  }
}
