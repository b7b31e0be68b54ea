import { once } from 'node:events'
import type Hypercore from 'hypercore'
import type { ReplicationPeer } from 'hypercore'
import type { CoreLimit } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatSize } from '../../../contracts/money/quantity.js'
import { MAX_BLOCK_BYTES } from '../../../contracts/terms.js'
import { systemClock } from '../../base/clock.js'
import { Poller } from '../../base/poller.js'
import { unlessAborted } from '../../base/timeouts.js'
import { tuneRequests } from '../../network/requests/tune-requests.js'
import { SilentPeers } from '../../base/bounds/silent-peers.js'
import type { ReplicatedCore } from '../../base/bounds/silent-peers.js'
import { sealOf } from '../lease/audit.js'

/** How often a fetch checks the disk and the uploader's claims, ms. */
const WATCH_INTERVAL = 1000
const PROGRESS_INTERVAL = 200
/** At so many looks after the disk was full its writes may fail still: RocksDB finds out by itself that there is room. */
const LOOKS_AFTER = 60

export interface FetchProgress {
  /** Blocks of this core that are verified and on disk. */
  blocks: number
  bytes: number
}

export interface FetchOptions {
  limit: CoreLimit
  /** True for the holder's uploader, whose claims about forks count; those of readers do not. */
  isUploader: (peer: ReplicationPeer) => boolean
  /** True while the disk is too full to go on. */
  isFull: () => Promise<boolean>
  onProgress: (progress: FetchProgress) => void
  signal: AbortSignal
}

/**
 * Fetches the first `limit.length` blocks of a core from all attached peers, and no others, continuing from what is on
 * disk. Resolves when all are verified. While the disk is full it requests nothing (hypercore would request the same
 * blocks for ever). Throws a violation when the core is not what was agreed:
 *
 * - CORE_FORKED: two signed histories, or an uploader on another fork than the first
 * - CORE_TOO_LARGE: its first `length` blocks have more bytes than agreed
 * - BLOCK_TOO_LARGE: a block above MAX_BLOCK_BYTES
 */
export async function fetchCore(kept: Hypercore, options: FetchOptions): Promise<void> {
  const { signal } = options
  signal.throwIfAborted()
  const core = kept.session({ active: true })
  await core.ready()
  const stop = new AbortController()
  const onabort = (): void => stop.abort(signal.reason)
  signal.addEventListener('abort', onabort)
  const ondownload = (index: number, bytes: number): void => {
    if (bytes > MAX_BLOCK_BYTES && index < options.limit.length) {
      stop.abort(violation('BLOCK_TOO_LARGE', `block ${index} has ${formatSize(bytes)}`))
    }
  }
  const onconflict = (): void =>
    stop.abort(violation('CORE_FORKED', 'its owner has signed two different histories of it'))
  core.on('download', ondownload)
  core.on('conflict', onconflict)
  const silent = new SilentPeers({
    cores: () => [core.core as ReplicatedCore],
    onfault: error => stop.abort(error)
  })
  try {
    await unlessAborted(run(core, options, stop), stop.signal)
  } finally {
    signal.removeEventListener('abort', onabort)
    stop.abort()
    core.off('download', ondownload)
    core.off('conflict', onconflict)
    await silent.close()
    await core.close()
  }
}

async function run(core: Hypercore, options: FetchOptions, stop: AbortController): Promise<void> {
  const { limit, onProgress } = options
  const watch = watching(core, options, stop)
  try {
    // the last block proves all Merkle roots of the agreed length, and so its size, before any other is requested
    await unlessFull(watch, stop.signal)
    await core.get(limit.length - 1, { raw: true })
    const { byteLength } = await sealOf(core, limit.length)
    if (byteLength > limit.byteLength) {
      throw violation('CORE_TOO_LARGE', `it has ${byteLength} bytes where ${limit.byteLength} were agreed`)
    }
    tuneRequests(core, byteLength / limit.length)
    const here = (): void => onProgress(have(core, limit, byteLength))
    let told = -Infinity
    core.on('download', () => {
      const now = systemClock.monotonic()
      if (now - told < PROGRESS_INTERVAL) return
      told = now
      here()
    })
    here()
    await ask(core, limit.length, watch, stop.signal)
    here()
  } finally {
    await watch.poller.close()
  }
}

interface FetchWatch {
  poller: Poller
  full: boolean
  /** Emits when `full` changes. */
  changed: EventTarget
}

/** Checks the disk and the uploader's claims at intervals while the fetch runs. */
function watching(core: Hypercore, { isUploader, isFull }: FetchOptions, stop: AbortController): FetchWatch {
  let left = 0
  const look = async (): Promise<void> => {
    if (core.peers.some(peer => isUploader(peer) && peer.remoteSynced && peer.remoteFork !== 0)) {
      stop.abort(violation('CORE_FORKED', 'its uploader is on another fork'))
    }
    const full = await isFull()
    if (!full && (watch.full || left > 0)) {
      left = watch.full ? LOOKS_AFTER : left - 1
      askAgain(core)
    }
    if (full === watch.full) return
    watch.full = full
    watch.changed.dispatchEvent(new Event('changed'))
  }
  const watch: FetchWatch = {
    full: false,
    changed: new EventTarget(),
    poller: new Poller({
      look,
      interval: WATCH_INTERVAL,
      keepAlive: true,
      onerror: error => stop.abort(error)
    })
  }
  void watch.poller.start()
  return watch
}

/** Hypercore asks a peer for nothing more once a block of it could not be written. */
function askAgain(core: Hypercore): void {
  const { replicator } = core.core as ReplicatedCore
  for (const peer of [...(replicator?.peers ?? [])]) {
    peer.paused = false
    replicator!.updatePeer(peer)
  }
}

/** Waits while the disk is full. */
async function unlessFull(watch: FetchWatch, signal: AbortSignal): Promise<void> {
  while (watch.full && !signal.aborted) await once(watch.changed, 'changed', { signal })
}

/** Requests the first `end` blocks until all have arrived, and pauses while the disk is full. */
async function ask(core: Hypercore, end: number, watch: FetchWatch, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !(await core.has(0, end))) {
    await unlessFull(watch, signal)
    const changed = once(watch.changed, 'changed', { signal })
    changed.catch(() => undefined) // aborted: the caller of the fetch gets the reason
    const asked = core.download({ start: 0, end })
    await Promise.race([asked.done(), changed])
    asked.destroy()
  }
}

function have(core: Hypercore, { length }: CoreLimit, byteLength: number): FetchProgress {
  const { bitfield } = core.core
  const blocks = bitfield.countSet(0, length) as number
  // an estimate, as if all blocks had the same size, until the fetch is complete
  return { blocks, bytes: blocks === length ? byteLength : Math.floor((byteLength * blocks) / length) }
}

/** How an uploader violated the agreement. */
type Violation = 'BLOCK_TOO_LARGE' | 'CORE_FORKED' | 'CORE_TOO_LARGE'

function violation(code: Violation, what: string): BushelError {
  return new BushelError(code, `a core is not what was agreed: ${what}`)
}
