import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobOutput } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { MAX_BLOB_BYTES } from '../../../contracts/job.js'
import { GIB } from '../../../contracts/money/quantity.js'
import { replaceDurably } from '../../base/disk/atomic-file.js'

/** Most bytes of outputs that were fetched already, together. */
const FETCHED_BYTES = 1 * GIB
const NONE: JobOutput = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), files: [] }

/**
 * What paid runs gave, in a folder of the home, each on disk before its run is over. One that nobody has fetched stays; of
 * those that were fetched the newest stay, because what fetched them may have failed later. One file a run, named by its
 * id.
 */
export class KeptOutputs {
  readonly folder: string
  readonly #fetchedBytes: number

  /** `folder`: the folder of compute in the home. */
  constructor(folder: string, { fetchedBytes = FETCHED_BYTES } = {}) {
    this.folder = join(folder, 'outputs')
    this.#fetchedBytes = fetchedBytes
  }

  has(run: Buffer): boolean {
    return existsSync(this.#file(run))
  }

  async keep(run: Buffer, output: JobOutput | null): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    await replaceDurably(this.#file(run), encode('job-output', output ?? NONE))
  }

  /** Throws NOT_FOUND. */
  async read(run: Buffer): Promise<JobOutput> {
    if (!this.has(run))
      throw new BushelError(
        'NOT_FOUND',
        'the result of this job is not in the home any more: it was fetched before',
        'run the same command again to buy it anew'
      )
    return decode('job-output', await readFile(this.#file(run)), MAX_BLOB_BYTES)
  }

  /** Deletes those of the fetched runs, given the newest first, that are beyond the bound. */
  async prune(fetched: Iterable<Buffer>): Promise<void> {
    let bytes = 0
    for (const run of fetched) {
      if (!this.has(run)) continue
      bytes += (await stat(this.#file(run))).size
      if (bytes > this.#fetchedBytes) await rm(this.#file(run), { force: true })
    }
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
