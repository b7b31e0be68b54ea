import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobOutput } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { replaceDurably } from '../../base/atomic-file.js'
import { MAX_BLOB_BYTES } from '../../../contracts/job.js'

/** Outputs of runs that ended while no caller waited, kept until a caller asks. One file per run, named by its id. */
export class UnclaimedOutputs {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  has(run: Buffer): boolean {
    return existsSync(this.#file(run))
  }

  async keep(run: Buffer, output: JobOutput): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    await replaceDurably(this.#file(run), encode('job-output', output))
  }

  async read(run: Buffer): Promise<JobOutput> {
    return decode('job-output', await readFile(this.#file(run)), MAX_BLOB_BYTES)
  }

  async drop(run: Buffer): Promise<void> {
    await rm(this.#file(run), { force: true })
  }

  /** Deletes every file that belongs to none of these runs. */
  async sweep(runs: readonly Buffer[]): Promise<void> {
    const known = new Set(runs.map(run => run.toString('hex')))
    const names = existsSync(this.folder) ? await readdir(this.folder) : []
    for (const name of names) if (!known.has(name)) await rm(join(this.folder, name), { force: true })
  }

  #file(run: Buffer): string {
    return join(this.folder, run.toString('hex'))
  }
}
