import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobEvidence } from '#spec'
import { ciphertextOf, formatEvidence, isLarge } from '../../../contracts/evidence/evidence.js'
import { syncFolder } from '../../store/journal.js'

/** What providers signed against themselves, or against each other, a file for each job, for anybody to check. */
export class EvidenceFiles {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  pathOf(agreement: Buffer): string {
    return join(this.folder, `${agreement.toString('hex')}.json`)
  }

  /** On disk when it resolves; gives the path. A ciphertext that is too large for the file stands beside it. */
  async write(agreement: Buffer, evidence: JobEvidence): Promise<string> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const path = this.pathOf(agreement)
    if (isLarge(evidence)) await replace(ciphertextOf(path), evidence.ciphertext!)
    await replace(path, formatEvidence(evidence))
    await syncFolder(this.folder)
    return path
  }
}

async function replace(path: string, content: string | Buffer): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}
