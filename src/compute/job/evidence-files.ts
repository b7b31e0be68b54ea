import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobEvidence } from '#spec'
import { ciphertextOf, formatEvidence, isLarge } from '../../../contracts/evidence/evidence.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { removeUnfinished, replaceDurably } from '../../base/disk/atomic-file.js'

/** Evidence files, one per job: what its provider signed, for anyone to verify. */
export class EvidenceFiles {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  pathOf(agreement: Buffer): string {
    return join(this.folder, `${formatKey(agreement)}.json`)
  }

  /** Writes the evidence and returns its path; on disk when it resolves. A large ciphertext gets a file beside it. */
  async write(agreement: Buffer, evidence: JobEvidence): Promise<string> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const path = this.pathOf(agreement)
    await removeUnfinished(this.folder)
    if (isLarge(evidence)) await replaceDurably(ciphertextOf(path), evidence.ciphertext!)
    await replaceDurably(path, formatEvidence(evidence))
    return path
  }
}
