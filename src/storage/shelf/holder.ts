import type { CoreLimit } from '#spec'
import type { BushelError } from '../../../contracts/errors/error.js'

/**
 * Who has cores kept on the shelf, and answers for them. A core is on the shelf as long as one holder names it; what is
 * read of it is charged to one of them, and a violation by an uploader is of the holder that it uploads for.
 */
export interface Holder {
  /** Unique on the shelf: letters and digits, at most 64. */
  readonly id: string
  readonly kind: string
  /** The cores, each with the most blocks and bytes that are kept of it. */
  readonly cores: readonly CoreLimit[]
  /** True once all blocks up to the limits have been here. */
  readonly complete: boolean
  /** Whether blocks may be taken in for it now. */
  readonly takesIn: boolean
  /** Bytes that may still be read at its charge. */
  readonly egressLeft: number
  /** So many bytes were read at its charge; on disk some time later, by `save`. */
  charge(bytes: number): void
  /** All blocks up to the limits are here; on disk next, by `save`. */
  completed(): void
  /** What was uploaded for it is not what it may keep. Nothing more is taken from that uploader for it. */
  violated(violation: BushelError): void
  /** Writes the holder; called once at a time. */
  save(): Promise<void>
  /** Removes what `save` has written, durably; the cores go after it. */
  forget(): Promise<void>
}

/** One kind of holders: finds those that are on disk when the shelf opens. */
export interface HolderKind {
  readonly kind: string
  /** The holders, and the paths of those that cannot be read. */
  read(): Promise<{ holders: Holder[]; unreadable: string[] }>
}

/** Blocks of a core that one of these holders names, at the most; 0 when none does. */
export function lengthIn(holders: Iterable<Holder>, key: Buffer): number {
  let length = 0
  for (const { cores } of holders) {
    length = Math.max(length, cores.find(core => core.key.equals(key))?.length ?? 0)
  }
  return length
}
