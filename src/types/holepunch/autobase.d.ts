declare module 'autobase' {
  import type { EventEmitter } from 'node:events'
  import type Corestore from 'corestore'
  import type Hyperbee from 'hyperbee'
  import type Hypercore from 'hypercore'

  export interface Node {
    indexed: boolean
    optimistic: boolean
    /** The writer's core. */
    from: Hypercore
    length: number
    value: Buffer
  }

  /** What apply may do beside writing the view. */
  export interface Host {
    /** The base's key: that of its first writer. */
    readonly key: Buffer
    addWriter(key: Buffer, options?: { indexer?: boolean }): Promise<void>
    removeWriter(key: Buffer): Promise<void>
    preferFastForward(): void
  }

  export interface Head {
    key: Buffer
    length: number
  }

  export interface BaseOptions {
    open: (store: { get(name: string): Hypercore }) => Hyperbee
    apply: (nodes: Node[], view: Hyperbee, host: Host) => Promise<void>
    close?: (view: Hyperbee) => Promise<void>
    /** ms; an indexer writes an acknowledgement one to two times that after a change. */
    ackInterval?: number
    fastForward?: boolean
  }

  /**
   * Events: update, writable and unwritable (each emitted for the other's case by this version: read `writable`),
   * fast-forward (to, from), error (the base has closed itself).
   */
  export default class Autobase extends EventEmitter {
    /** The core that this node writes to, in the store of a base. To be closed by the caller. */
    static getLocalCore(store: Corestore): Hypercore
    constructor(store: Corestore, key: Buffer | null, options: BaseOptions)
    readonly key: Buffer
    readonly discoveryKey: Buffer
    readonly local: Hypercore
    readonly writable: boolean
    readonly view: Hyperbee
    readonly closing: Promise<void> | null
    readonly system: {
      readonly core: Hypercore
      get(writer: Buffer): Promise<{ length: number; isRemoved: boolean } | null>
    } | null
    ready(): Promise<void>
    close(): Promise<void>
    update(): Promise<void>
    /** Rejects when this node is no writer. Resolves once the values are on disk and applied. */
    append(values: Buffer | Buffer[]): Promise<number>
    /** Fetches a writer's core up to a length; only for writers that apply has admitted. */
    hintWakeup(hints: Head | Head[]): void
    heads(): Head[]

    // Relied upon beside the public calls, of autobase 7.28.1 (pinned in package.json).
    readonly activeWriters: Iterable<Writer>
    readonly _wakeup: { _add(core: object): Promise<unknown> }
    get _applyState(): ApplyState | null
    set _applyState(state: ApplyState | null)
    _open(): Promise<void>
    _close(): Promise<void>
    _advance(): Promise<void>
    _bootstrapLinearizer(): Promise<void>
    _updateAll(): Promise<unknown>
    _backgroundAck(): Promise<void>
    _queueFastForward(): void
    _runFastForward(fastForward: FastForward): Promise<void>
    /** The state of the indexers to skip ahead to. */
    fastForwardTo: FastForwardTarget | null
    _applyFastForward(): Promise<void>
    /** Closes the base and emits `error`, unless it is closing. */
    _onError(error: Error): void
  }

  /** A writer's blocks on their way into the base. */
  export interface Writer {
    readonly core: Hypercore
    /** Rejects when its next block cannot be read; it is `frozen` then. */
    update(system: object | null): Promise<boolean>
  }

  /** The follower of an indexer's signatures. */
  export interface Checkpoint {
    readonly closed: boolean
    update(): Promise<void>
    updateBackground(): Promise<void>
  }

  export interface ApplyState {
    readonly closing: Promise<void> | null
    close(): Promise<void>
    _createCheckpointCore(...of: unknown[]): Checkpoint
  }

  export interface FastForwardTarget {
    /** It is skipped to even when nothing is gained. */
    force: boolean
    /** Blocks of the system's core. */
    readonly length: number
  }

  export interface FastForward {
    readonly destroyed: boolean
    _upgrade(): Promise<boolean>
  }
}

declare module 'autobase/lib/fast-forward.js' {
  import type Autobase from 'autobase'
  import type { FastForwardTarget } from 'autobase'

  /** Looks for a state of the indexers to skip ahead to. */
  export default class FastForward {
    constructor(base: Autobase, key: Buffer, options: { force: boolean; length: number })
    upgrade(): Promise<FastForwardTarget | null>
    close(): Promise<void>
  }
}

declare module 'autobase/lib/system.js' {
  import type Hypercore from 'hypercore'

  /** Who writes to a base, and how many blocks of each are in its view. */
  export default class SystemView {
    constructor(core: Hypercore, options: { checkout: number })
    ready(): Promise<void>
    close(): Promise<void>
    list(): AsyncIterable<{ key: Buffer; value: { length: number; isIndexer: boolean; isRemoved: boolean } }>
  }
}

declare module 'autobase/lib/messages.js' {
  /** How many blocks before its own a block says what this one leaves out; 0: none. */
  interface Checkpointer {
    checkpointer: number
  }

  /** A block of a writer. */
  export interface LogBlock {
    node: { heads: { key: Buffer; length: number }[]; batch: number; value: Buffer | null }
    digest: { pointer: number } | null
    checkpoint: {
      system: Checkpointer | null
      encryption: Checkpointer | null
      user: (Checkpointer | null)[] | null
    } | null
  }

  const messages: {
    OplogMessage: {
      preencode(state: object, block: object): void
      encode(state: object, block: object): void
      decode(state: { buffer: Buffer; start: number; end: number }): LogBlock
    }
  }
  export default messages
}
