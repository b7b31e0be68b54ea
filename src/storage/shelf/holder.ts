import type { Duplex } from 'node:stream'
import type { CoreLimit } from '#spec'
import type { BushelError } from '../../../contracts/errors/error.js'
import type { Refusal } from '../../network/read-proofs.js'

/**
 * A reason to keep cores on the shelf, such as a lease. A core stays as long as a holder names it; its egress is charged
 * to one of its holders, and an uploader's violation is reported to the holder that it uploads for.
 */
export interface Holder {
  /** Unique on the shelf: letters and digits, at most 64. */
  readonly id: string
  readonly kind: string
  /** The cores, each with the most blocks and bytes to keep. */
  readonly cores: readonly CoreLimit[]
  /**
   * Holders of one group share the blocks of a core that they both name. Others keep their own: whoever knows a core's key
   * could else spend what another one pays for.
   */
  readonly group: string
  /** True once all blocks up to the limits were on disk. */
  readonly complete: boolean
  /**
   * True for a right to read what another holder keeps: it reserves no space, and is served whenever a peer may read.
   */
  readonly isGuest?: boolean
  /** True while uploads for it are accepted. */
  readonly takesIn: boolean
  /** Egress left for the peer at the other end, bytes; null: for whoever has no account of its own. */
  egressLeft(stream: Duplex | null): number
  /** Whether the peer at the other end may read its cores, and is charged to it. */
  mayRead(stream: Duplex): boolean
  /** Tells a reader why it is not served. */
  refuse?(stream: Duplex, why: Refusal): void
  /** Charges what the peer at the other end has read to its account; `save` writes it to disk some time later. */
  charge(bytes: number, stream: Duplex | null): void
  /** Marks the holder as complete; `save` writes it to disk next. */
  completed(): void
  /** Reports that an upload violated the limits. Nothing more is accepted from that uploader for it. */
  violated(violation: BushelError): void
  /** Saves the holder; calls never overlap. */
  save(): Promise<void>
  /** Deletes what `save` has written, durably; the cores are deleted afterwards. */
  forget(): Promise<void>
}

/** A kind of holders, which reads its holders from disk when the shelf opens. */
export interface HolderKind {
  readonly kind: string
  /** The holders, and the paths of those that cannot be read. */
  read(): Promise<{ holders: Holder[]; unreadable: string[] }>
}

/** Greatest length that these holders of a group name of a core; 0 when none does. */
export function lengthIn(holders: Iterable<Holder>, key: Buffer, group: string): number {
  let length = 0
  for (const { cores, group: of } of holders) {
    if (of !== group) continue
    length = Math.max(length, cores.find(core => core.key.equals(key))?.length ?? 0)
  }
  return length
}
