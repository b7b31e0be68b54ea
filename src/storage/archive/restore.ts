import type { Duplex } from 'node:stream'
import type { NoiseStream } from 'hyperdht'
import type Corestore from 'corestore'
import Hyperdrive from 'hyperdrive'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import ReadyResource from 'ready-resource'
import { sumOfFiles } from '../../../contracts/evidence/checksum.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { parseLink } from '../../../contracts/keys/link.js'
import { readKeyPair } from '../../../contracts/keys/read-key.js'
import type { Link } from '../../../contracts/keys/link.js'
import type { Clock } from '../../base/clock.js'
import { guardTree } from '../../base/bounds/guarded-tree.js'
import { unlessAborted, withTimeout } from '../../base/timeouts.js'
import { proveRead } from '../../network/read-proofs.js'
import type { Refusal } from '../../network/read-proofs.js'
import { attachCore, detachCore } from '../../network/cores.js'
import { tuneRequests } from '../../network/requests/tune-requests.js'
import { SilentPeers } from '../../base/bounds/silent-peers.js'
import type { ReplicatedCore } from '../../base/bounds/silent-peers.js'
import { assertRoom, codeOf, explainDest } from '../../files/disk.js'
import { Feed, joinRanges } from './restore-feed.js'
import { Destination } from '../../files/destination.js'
import { leftOutNotes } from '../../files/left-out.js'
import type { LeftOut } from '../../files/left-out.js'
import { readPlan, unsafe } from './restore-plan.js'
import type { DriveFile, DrivePlan } from './restore-plan.js'
import { finalPath } from './restore-dest.js'
import { demandListSize, demandProportion, demandSize } from './restore-size.js'
import { DISK_FLOOR, refusalNote, unlessStalled } from './restore-stall.js'
import { readPart, runOf, writeFiles } from './restore-write.js'
import type { OpenFile } from './restore-write.js'

/** Progress is told no more often than this while files are written, ms. */
const PROGRESS_INTERVAL = 100
/** A search for a peer lasts so many times as long at most, when peers are found that do not answer. */
const MOST_SEARCHES = 4

export interface RestoreProgress {
  /** Looking for a peer that has the drive, fetching its list of files, writing the files. */
  step: 'find' | 'list' | 'write'
  files: number
  bytes: number
  totalFiles: number
  totalBytes: number
}

export interface RestoreOptions {
  link: string | Link
  /** Path of the restored tree or file. */
  dest: string
  /** Replace existing files that differ. */
  force?: boolean
  /** Most bytes that the files may have; without it, they may not have far more than the data of the drive. */
  maxSize?: number
  /** A store for this restore alone; with the same store a later restore continues. */
  store: Corestore
  /** Longest wait for a peer that has the drive, ms. */
  findTimeout?: number
  /** Longest time without a new block, ms. */
  stallTimeout?: number
  onProgress?: (progress: RestoreProgress) => void
  /** What the user should know meanwhile. */
  onnote?: (note: string) => void
  signal?: AbortSignal
  clock?: Clock
}

export interface DriveRestoreResult {
  path: string
  files: number
  bytes: number
  /** Checksum of the restored tree, hex; that of the drive when nothing was left out. */
  sha256: string
  seconds: number
  /** What could not be restored; everything else was. */
  leftOut: LeftOut[]
}

/**
 * Restores a drive from all attached peers that have it, and verifies every block. Fetched blocks and written files stay
 * when it is stopped or killed: a restore with the same link, destination and store continues from there.
 */
export class DriveRestore extends ReadyResource {
  readonly link: Link
  readonly #options: RestoreOptions
  readonly #drive: Hyperdrive
  /** Each with what ends its use: this restore is kept by nothing that lasts as long as the connection. */
  readonly #streams = new Map<Duplex, () => void>()
  readonly #stop = new AbortController()
  #blobs: Hypercore | null = null
  #silent: SilentPeers | null = null
  /** How often a peer was put aside because it did not answer. */
  #passedOver = 0
  /** Devices that have said why they do not serve it, in hex. */
  readonly #refusals = new Map<string, Refusal>()

  /** Throws BAD_LINK on a malformed link. */
  constructor(options: RestoreOptions) {
    super()
    this.#options = options
    this.link = typeof options.link === 'string' ? parseLink(options.link) : options.link
    const { key, encryptionKey } = this.link
    this.#drive = new Hyperdrive(options.store.session(), key, { encryptionKey })
    guardTree(this.#drive.db.core, why => unsafe(`its list of files is malformed: ${why}`))
    this.#drive.once('blobs', blobs => {
      this.#blobs = blobs.core
      for (const stream of this.#streams.keys()) attachCore(blobs.core, stream)
    })
  }

  /** DHT topic for peers that have the drive. */
  get discoveryKey(): Buffer {
    return crypto.discoveryKey(this.link.key)
  }

  get #cores(): Hypercore[] {
    return this.#blobs ? [this.#drive.core, this.#blobs] : [this.#drive.core]
  }

  protected override async _open(): Promise<void> {
    await this.#drive.ready()
    this.#silent = new SilentPeers({
      cores: () => this.#cores.map(session => session.core as ReplicatedCore),
      onsilent: () => void this.#passedOver++,
      onfault: error => this.#stop.abort(error),
      ...(this.#options.clock ? { clock: this.#options.clock } : {})
    })
    for (const stream of this.#streams.keys()) attachCore(this.#drive.core, stream)
  }

  protected override async _close(): Promise<void> {
    this.#stop.abort(interrupted())
    for (const leave of this.#streams.values()) leave()
    await this.#silent?.close()
    for (const core of this.#cores) if (core.opened) detachCore(core)
    await this.#drive.close()
  }

  /** Adds a connection to fetch from, as long as it lasts. */
  attach(stream: Duplex): void {
    if (this.#streams.has(stream) || stream.destroyed || this.closing) return
    const { remotePublicKey } = stream as Partial<NoiseStream>
    const unprove = proveRead(stream as NoiseStream, readKeyPair(this.link.encryptionKey), why =>
      this.#onrefused(remotePublicKey, why)
    )
    const leave = (): void => {
      stream.off('close', leave)
      this.#streams.delete(stream)
      unprove()
    }
    this.#streams.set(stream, leave)
    stream.once('close', leave)
    if (this.opened && !this.closing) attachCore(this.#drive.core, stream)
    if (this.#blobs && !this.closing) attachCore(this.#blobs, stream)
  }

  /** A peer may lie: others are still looked for, and what it says is told. */
  #onrefused(device: Buffer | undefined, why: Refusal): void {
    const name = device?.toString('hex') ?? ''
    if (this.#refusals.has(name)) return
    this.#refusals.set(name, why)
    this.#options.onnote?.(
      `${refusalNote([why])}: ${device ? shortKey(device) : 'one'} sends nothing more of it`
    )
  }

  #hasRefused({ remotePublicKey }: { remotePublicKey: Buffer }): boolean {
    return this.#refusals.has(remotePublicKey.toString('hex'))
  }

  /** Attaches the connection when the discovery key is that of a core of this drive; returns whether it is. */
  async serve(discoveryKey: Buffer, stream: Duplex): Promise<boolean> {
    await this.ready()
    if (this.closing || !this.#cores.some(core => core.discoveryKey.equals(discoveryKey))) return false
    this.attach(stream)
    return true
  }

  /**
   * Runs the restore; call once. Throws LINK_NOT_FOUND when no peer with the drive is found in time, STALLED when no more
   * blocks come, DISK_FULL, the signal's reason, and, before it writes anything, DRIVE_TOO_LARGE, UNSAFE_DRIVE, FILE_EXISTS
   * or IN_THE_WAY.
   */
  async run(): Promise<DriveRestoreResult> {
    const begun = performance.now()
    const { signal, dest } = this.#options
    const onabort = (): void => this.#stop.abort(signal?.reason)
    if (signal?.aborted) onabort()
    signal?.addEventListener('abort', onabort)
    const work = this.#restore()
    try {
      // reads that wait for a missing block end when the drive is closed
      return {
        ...(await unlessAborted(work, this.#stop.signal)),
        seconds: (performance.now() - begun) / 1000
      }
    } catch (error) {
      this.#stop.abort(error)
      await this.close()
      await work.catch(() => undefined) // fails because the drive is closed, or with the same error
      throw explainDest(this.#stop.signal.reason, dest, 'what is restored so far is kept')
    } finally {
      signal?.removeEventListener('abort', onabort)
    }
  }

  async #restore(): Promise<Omit<DriveRestoreResult, 'seconds'>> {
    await this.ready()
    const { force = false, maxSize } = this.#options
    const plan = await this.#fetchPlan()
    demandSize(plan.bytes, maxSize)
    const dest = await finalPath(this.#options.dest, plan)
    const destination = await Destination.at(dest, plan, force)
    const same = await destination.survey(this.#stop.signal)
    const blobs = await this.#blobsOf(plan, same)
    if (maxSize === undefined) {
      const shown = plan.files.filter(file => !same.has(file) && isShown(file, blobs))
      demandProportion(sizeOf(shown), blobs.byteLength)
    }
    await destination.prepare(this.#stop.signal)
    const sums = await this.#fetchFiles(plan, { destination, same, blobs })
    if (sums.size === 0 && plan.leftOut.length > 0 && plan.links.length === 0) throw nothingLeft(plan.leftOut)
    await destination.install(same, sums)
    const files = [...sums].map(([file, sha256]) => ({ path: file.path, size: file.size, sha256 }))
    return { path: dest, ...sumOfFiles(files), leftOut: plan.leftOut }
  }

  /** Finds the drive, then fetches and checks its list of files. */
  async #fetchPlan(): Promise<DrivePlan> {
    const { core } = this.#drive
    const tell = (step: 'find' | 'list', done: number, total: number): void =>
      this.#options.onProgress?.({ step, files: done, bytes: 0, totalFiles: total, totalBytes: 0 })
    tell('find', 0, 0)
    await this.#lengthOf(core, 1)
    tell('list', 0, core.length)
    demandListSize(core.byteLength, this.#options.maxSize)
    await assertRoom(this.#options.store.storage.path as string, core.byteLength + DISK_FLOOR)
    tuneRequests(core, core.byteLength / core.length)
    await this.#unlessStalled(() => core.download({ start: 0, end: core.length }).done())
    try {
      return await readPlan(this.#drive)
    } catch (error) {
      // Where the nodes of a tree lead to no node, Hyperbee meets an undefined one.
      if (error instanceof TypeError || error instanceof RangeError)
        throw unsafe('its list of files is malformed').withCause(error)
      if (codeOf(error) !== 'DECODING_ERROR' && !(error instanceof SyntaxError)) throw error
      throw new BushelError(
        'BAD_LINK',
        'the key in the link does not decrypt this drive; nothing was written',
        'check that the link is complete, or ask for it again'
      ).withCause(error)
    }
  }

  /** Fetches and writes the missing files. Returns the SHA-256 of all files, hex, without those that it leaves out. */
  async #fetchFiles(
    plan: DrivePlan,
    { destination, same, blobs }: FetchParts
  ): Promise<Map<DriveFile, string>> {
    const { signal } = this.#stop
    const { whole, open: missing } = await readPart(plan, destination, same, signal)
    const sums = new Map([...same, ...whole])
    let files = sums.size
    let bytes = sizeOf([...sums.keys()])
    let reported = 0
    const tell = (): void => {
      const now = performance.now()
      if (now - reported < PROGRESS_INTERVAL && bytes < plan.bytes) return
      reported = now
      const [totalFiles, totalBytes] = [plan.files.length, plan.bytes]
      this.#options.onProgress?.({ step: 'write', files, bytes, totalFiles, totalBytes })
    }
    tell()
    const open = missing.filter(({ file }) => {
      if (isShown(file, blobs)) return true
      plan.leftOut.push({ path: file.path, why: 'file(s) whose data no provider has' })
      return false
    })
    await assertRoom(destination.part, missingBytes(open))
    const feed = new Feed(blobs, joinRanges(open.map(runOf)), missingBytes(open))
    const write = (): Promise<Map<DriveFile, string>> =>
      writeFiles({
        feed,
        destination,
        open,
        clear: plan.files.every(file => file.sha256 !== null),
        signal,
        onbad: ({ path }) =>
          plan.leftOut.push({ path, why: 'file(s) whose data is not what the drive says' }),
        onwritten: (file, written) => {
          bytes += written
          if (written === file.size) files++
          tell()
        }
      })
    try {
      const written = await this.#unlessStalled(write, () => feed.waiting > 0)
      for (const [file, sum] of written) sums.set(file, sum)
      return sums
    } finally {
      feed.close()
    }
  }

  /** The blobs core, once a peer has shown all blocks that the files need, or as many as there are in time. */
  async #blobsOf(plan: DrivePlan, same: ReadonlyMap<DriveFile, string>): Promise<Hypercore> {
    const blobs = (await this.#drive.getBlobs())!.core
    if (!plan.files.some(file => file.blob.blockLength > 0 && !same.has(file))) return blobs
    await this.#lengthOf(blobs, plan.blocks).catch((error: unknown) => {
      if (codeOf(error) !== 'LINK_NOT_FOUND' || blobs.length === 0) throw error
    })
    return blobs
  }

  /** Waits until a peer proves that the core has `length` blocks. Throws LINK_NOT_FOUND. */
  async #lengthOf(core: Hypercore, length: number): Promise<void> {
    const { findTimeout = 60_000, clock } = this.#options
    let onappend: (() => void) | undefined
    const found = new Promise<void>(resolve => {
      onappend = () => core.length >= length && resolve()
      core.on('append', onappend)
      onappend()
    })
    const isFound = found.then(() => true)
    const search = (): Promise<boolean> =>
      unlessAborted(
        withTimeout(isFound, findTimeout, () => false, clock),
        this.#stop.signal
      )
    try {
      for (let searches = 1; ; searches++) {
        const before = this.#passedOver
        if (await search()) return
        // Where peers took the time and did not answer, the others get a time of their own.
        if (this.#passedOver === before || searches === MOST_SEARCHES)
          throw notFound(searches * findTimeout, [...this.#refusals.values()])
      }
    } finally {
      core.off('append', onappend!)
    }
  }

  /** Runs work that needs blocks from others; stops the restore when none comes for too long, or the disk gets full. */
  #unlessStalled<T>(work: () => Promise<T>, waits: () => boolean = () => true): Promise<T> {
    const { stallTimeout = 120_000, store, clock } = this.#options
    return unlessStalled(work, {
      cores: this.#cores,
      folder: store.storage.path as string,
      connections: () => this.#streams.size,
      refusals: () => [...this.#refusals.values()],
      hasOthers: () => this.#cores.some(({ peers }) => peers.some(peer => !this.#hasRefused(peer))),
      stop: this.#stop,
      stallTimeout,
      waits,
      ...(clock ? { clock } : {})
    })
  }
}

function notFound(ms: number, refusals: readonly Refusal[]): BushelError {
  const why = refusals.length > 0 ? `; ${refusalNote(refusals)}` : ''
  return new BushelError(
    'LINK_NOT_FOUND',
    `no peer that has this drive was found in ${Math.round(ms / 1000)} s${why}`,
    'the providers may be offline, or the leases may be over; try again later'
  )
}

function nothingLeft(leftOut: readonly LeftOut[]): BushelError {
  return new BushelError(
    'UNSAFE_DRIVE',
    `nothing of this drive can be restored: ${leftOutNotes(leftOut).join('; ')}`,
    'try again later, when more providers are online, or ask the maker of the link'
  )
}

/** Where files are written, which of them are there already, and what they are made of. */
interface FetchParts {
  destination: Destination
  same: ReadonlyMap<DriveFile, string>
  blobs: Hypercore
}

/** False for a file whose blocks no peer has shown, which is left out. */
function isShown({ blob }: DriveFile, blobs: Hypercore): boolean {
  return blob.blockLength === 0 || blob.blockOffset + blob.blockLength <= blobs.length
}

function sizeOf(files: readonly DriveFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}

function missingBytes(open: readonly OpenFile[]): number {
  return open.reduce((sum, { file, bytesHere }) => sum + file.size - bytesHere, 0)
}

function interrupted(): BushelError {
  return new BushelError(
    'INTERRUPTED',
    'the restore was stopped; what was fetched is kept',
    'run the command again to continue'
  )
}
