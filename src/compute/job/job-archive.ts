import c from 'compact-encoding'
import type { JobFile, JobInput, JobOutput, JobResult } from '#spec'
import { sumOfFiles } from '../../../contracts/evidence/checksum.js'
import type { FileSum } from '../../../contracts/evidence/checksum.js'
import { MAX_FILES } from '../../../contracts/schema/counts.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { breathe, sha256InSteps } from '../../base/steps.js'

/** Files processed before yielding to the event loop. */
const FILES_PER_TURN = 1024

/** The canonical bytes of a `job-input`, in parts, so that file contents are not copied. */
export function packInput({ stdin, files }: JobInput): Buffer[] {
  return [...ofBytes(stdin), ...ofFiles(files)]
}

/** The canonical bytes of a `job-output`, in parts, so that file contents are not copied. */
export function packOutput({ stdout, stderr, files }: JobOutput): Buffer[] {
  return [...ofBytes(stdout), ...ofBytes(stderr), ...ofFiles(files)]
}

/** Decodes untrusted bytes of a `job-input` without copying; throws MALFORMED. */
export function unpackInput(
  bytes: Buffer
): Promise<{ stdin: Buffer; files: { path: string; bytes: Buffer }[] }> {
  return reading(bytes, async reader => ({ stdin: reader.bytes(), files: await reader.files() }))
}

/** Decodes untrusted bytes of a `job-output` without copying; throws MALFORMED. */
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

/** The checksums of an output, as in a result. */
export async function sumsOf({
  stdout,
  files
}: Pick<Unpacked, 'stdout' | 'files'>): Promise<Pick<JobResult, 'tree' | 'stdout'>> {
  const sums: FileSum[] = []
  for (const [i, { path, bytes }] of files.entries()) {
    sums.push({ path, size: bytes.byteLength, sha256: (await sha256InSteps([bytes])).toString('hex') })
    if (i % FILES_PER_TURN === FILES_PER_TURN - 1) await breathe()
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
    const value = await read(reader)
    reader.end()
    return value
  } catch (error) {
    if (error instanceof BushelError) throw error
    throw malformed(error instanceof Error ? error.message : String(error))
  }
}

/** Decodes the format of the `job-input` and `job-output` codecs into views of the bytes; accepts only canonical form. */
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
    if (length > end - start) throw malformed('it is truncated')
    this.#state.start += length
    return this.#bytes.subarray(start, start + length)
  }

  async files(): Promise<Unpacked['files']> {
    const count = this.number()
    if (count > MAX_FILES) throw malformed(`it has ${count} files, more than ${MAX_FILES}`)
    const files: Unpacked['files'] = []
    for (let i = 0; i < count; i++) {
      const size = this.number()
      const end = this.#state.start + size
      const name = this.bytes()
      const path = name.toString()
      if (!Buffer.from(path).equals(name)) throw malformed('a path is not UTF-8')
      const bytes = this.bytes()
      if (this.#state.start !== end) throw malformed('the length of a file is wrong')
      files.push({ path, bytes })
      if (i % FILES_PER_TURN === FILES_PER_TURN - 1) await breathe()
    }
    return files
  }

  end(): void {
    if (this.#state.start !== this.#state.end) throw malformed('extra bytes follow it')
  }
}

function malformed(why: string): BushelError {
  return new BushelError('MALFORMED', `the input or output of a job is malformed: ${why}`)
}
