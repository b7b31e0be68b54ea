import c from 'compact-encoding'
import type { JobFile, JobInput, JobOutput, JobResult } from '#spec'
import { sumOfFiles } from '../../../contracts/evidence/checksum.js'
import type { FileSum } from '../../../contracts/evidence/checksum.js'
import { MAX_FILES } from '../../../contracts/schema/counts.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { breathe, sha256InSteps } from '../../base/steps.js'

const AT_ONCE = 1024

/** The canonical bytes of a `job-input`, in parts: what is large is not copied. */
export function packInput({ stdin, files }: JobInput): Buffer[] {
  return [...ofBytes(stdin), ...ofFiles(files)]
}

/** The canonical bytes of a `job-output`, in parts. */
export function packOutput({ stdout, stderr, files }: JobOutput): Buffer[] {
  return [...ofBytes(stdout), ...ofBytes(stderr), ...ofFiles(files)]
}

/** Reads hostile bytes of a `job-input`, without copies; throws MALFORMED. */
export function unpackInput(
  bytes: Buffer
): Promise<{ stdin: Buffer; files: { path: string; bytes: Buffer }[] }> {
  return reading(bytes, async reader => ({ stdin: reader.bytes(), files: await reader.files() }))
}

/** Reads hostile bytes of a `job-output`, without copies; throws MALFORMED. */
export function unpackOutput(bytes: Buffer): Promise<Unpacked> {
  return reading(bytes, async reader => ({
    stdout: reader.bytes(),
    stderr: reader.bytes(),
    files: await reader.files()
  }))
}

export interface Unpacked {
  stdout: Buffer
  stderr: Buffer
  files: { path: string; bytes: Buffer }[]
}

/** The checksums of an output, as a result states them. */
export async function sumsOf({
  stdout,
  files
}: Pick<Unpacked, 'stdout' | 'files'>): Promise<Pick<JobResult, 'tree' | 'stdout'>> {
  const sums: FileSum[] = []
  for (const [i, { path, bytes }] of files.entries()) {
    sums.push({ path, size: bytes.byteLength, sha256: (await sha256InSteps([bytes])).toString('hex') })
    if (i % AT_ONCE === AT_ONCE - 1) await breathe()
  }
  return { tree: Buffer.from(sumOfFiles(sums).sha256, 'hex'), stdout: await sha256InSteps([stdout]) }
}

function ofBytes(bytes: Buffer | null): Buffer[] {
  const length = number(bytes?.byteLength ?? 0)
  return bytes && bytes.byteLength > 0 ? [length, bytes] : [length]
}

function ofFiles(files: readonly JobFile[]): Buffer[] {
  const parts = [number(files.length)]
  for (const { path, bytes } of files) {
    const name = Buffer.from(path)
    const inner = [number(name.byteLength), name, number(bytes?.byteLength ?? 0)]
    const size = inner.reduce((sum, part) => sum + part.byteLength, bytes?.byteLength ?? 0)
    parts.push(Buffer.concat([number(size), ...inner]))
    if (bytes && bytes.byteLength > 0) parts.push(bytes)
  }
  return parts
}

function number(value: number): Buffer {
  return Buffer.from(c.encode(c.uint, value))
}

async function reading<T>(bytes: Buffer, read: (reader: ArchiveReader) => Promise<T>): Promise<T> {
  const reader = new ArchiveReader(bytes)
  try {
    const parcel = await read(reader)
    reader.end()
    return parcel
  } catch (error) {
    if (error instanceof BushelError) throw error
    throw malformed(error instanceof Error ? error.message : String(error))
  }
}

/** What the codecs of `job-input` and `job-output` read, with each part where it stands, and no other form of it. */
class ArchiveReader {
  readonly #bytes: Buffer
  readonly #state: { start: number; end: number; buffer: Buffer }

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#state = { start: 0, end: bytes.byteLength, buffer: bytes }
  }

  number(): number {
    const { start } = this.#state
    const value = c.uint.decode(this.#state)
    if (this.#state.start - start !== number(value).byteLength) throw malformed('it is not in canonical form')
    return value
  }

  bytes(): Buffer {
    const length = this.number()
    const { start, end } = this.#state
    if (length > end - start) throw malformed('it is cut off')
    this.#state.start += length
    return this.#bytes.subarray(start, start + length)
  }

  async files(): Promise<Unpacked['files']> {
    const count = this.number()
    if (count > MAX_FILES) throw malformed(`${count} files, more than ${MAX_FILES}`)
    const files: Unpacked['files'] = []
    for (let i = 0; i < count; i++) {
      const size = this.number()
      const end = this.#state.start + size
      const name = this.bytes()
      const path = name.toString()
      if (!Buffer.from(path).equals(name)) throw malformed('a path is not text')
      const bytes = this.bytes()
      if (this.#state.start !== end) throw malformed('a file is not as long as it says')
      files.push({ path, bytes })
      if (i % AT_ONCE === AT_ONCE - 1) await breathe()
    }
    return files
  }

  end(): void {
    if (this.#state.start !== this.#state.end) throw malformed('something stands behind it')
  }
}

function malformed(why: string): BushelError {
  return new BushelError('MALFORMED', `a malformed parcel of a job: ${why}`)
}
