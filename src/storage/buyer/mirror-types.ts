import type { CoreLimit } from '#spec'
import type { Prices } from '../../deal/sellers/matching.js'
import type { TokenPlan, TokenRecorder } from '../archive/token-recorder.js'
import type { UploadSource } from './buyer-lease.js'
import type { PlacementListener } from './placing/placement.js'

/** A packed drive. */
export interface PackedDrive {
  link: string
  files: number
  bytes: number
  cores: CoreLimit[]
  /** Checksum of the tree, hex. */
  sha256: string
  /** The audit tokens that were wanted. */
  tokens: TokenRecorder | null
}

/** A path that is to be mirrored, seen without reading its files. */
export interface Survey {
  files: number
  bytes: number
  /** Of names, sizes and times of the last change. */
  fingerprint: Buffer
  /** The most that its packed cores will have. */
  cores: Pick<CoreLimit, 'length' | 'byteLength'>[]
  /** What will be left out. */
  notes: string[]
}

/** Packs drives, each in a folder of its own that is deleted once the drive is mirrored. */
export interface Packer {
  survey(path: string, exclude: readonly string[]): Promise<Survey>
  pack(
    path: string,
    folder: string,
    options: {
      exclude: readonly string[]
      /** Audit tokens to make; null: none. */
      tokens: TokenPlan | null
      onbytes: (bytes: number) => void
      onnote: (note: string) => void
      signal: AbortSignal
    }
  ): Promise<PackedDrive>
  reopen(folder: string, cores: CoreLimit[]): Promise<UploadSource & { close(): Promise<void> }>
}

/** A tree to mirror. `offer` opens the negotiation, `maxPrice` bounds it. */
export interface MirrorRequest extends Prices {
  market: Buffer
  path: string
  /** Its name among the mirrors of this node; null: that of its path. */
  name: string | null
  /** Patterns of what is left out, as in a `.gitignore`. */
  exclude: readonly string[]
  copies: number
  /** ms. */
  time: number
  /** Whether it is extended by itself before it ends. */
  renew: boolean
  /** For all copies together, msat. */
  prepayMaxMsat: bigint
  /** For how long ahead each copy is paid, ms; null: see `aheadTime`. */
  ahead: number | null
}

export interface MirrorListener extends PlacementListener {
  packed(bytes: number, total: number): void
}

export interface MirrorOutcome {
  /** Empty in an estimate. */
  id: string
  name: string
  /** Until when every copy is paid, ms since 1970; 0 in an estimate. */
  paidUntil: number
  link: string
  files: number
  bytes: number
  storedBytes: number
  leases: string[]
  /** Of all copies over their whole time; an estimate gives the most. */
  chargeMsat: bigint
  paidMsat: bigint
  feesMsat: bigint
  atRiskMsat: bigint
  seconds: { pack: number; upload: number }
}
