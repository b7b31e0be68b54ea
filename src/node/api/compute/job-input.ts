import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { SandboxFile } from '../../../compute/sandbox/job.js'
import { BushelError } from '../../../../contracts/errors/error.js'
import { pause } from '../../../base/timeouts.js'
import { MAX_BLOB_BYTES } from '../../../../contracts/job.js'
import { MIB, formatSize } from '../../../../contracts/money/quantity.js'
import { DEFAULT_LIMITS } from '../../../compute/sandbox/sandbox.js'
import type { SandboxLimits } from '../../../compute/sandbox/sandbox.js'
import { faultOfPaths } from '../../../compute/sandbox/job.js'
import { EMPTY_FOLDER, readTree, unreadable } from '../../../files/tree.js'
import { MOST_READS, READ_AGAIN, isUnchanged, stateBefore } from '../../../files/steady.js'

import { MAX_MAP } from './job-fields.js'
import type { JobLimitSettings, JobParams, MapParams } from './job-fields.js'
import { filesOf } from '../../../files/glob.js'

const MAX_FILES = 10_000
const MAX_STDIN = 256 * MIB
const STEP = 4 * MIB
/** The bytes that every module begins with. */
const MAGIC = Buffer.from([0, 0x61, 0x73, 0x6d])

/** A job as it is handed to a sandbox, here or elsewhere. */
export interface ReadJob {
  /** Of its input in a map; else of its module. */
  name: string
  module: Buffer
  stdin: Buffer
  files: SandboxFile[]
  /** The first is the program's name. */
  args: string[]
  seed: Buffer
  /** SHA-256 over module, arguments and input. */
  fingerprint: Buffer
  limits: SandboxLimits
}

/** Reads what a job is made of; throws BAD_PATH, BAD_MODULE or TOO_LARGE, naming what is wrong. */
export async function readJob(params: JobParams, signal: AbortSignal): Promise<ReadJob> {
  const module = await readModule(params.module, signal)
  const stdin =
    params.stdin === undefined ? Buffer.alloc(0) : await readBounded(params.stdin, MAX_STDIN, signal)
  const files = params.input === undefined ? [] : await readInput(params.input, signal)
  const parts = { name: basename(params.module), module, stdin, files }
  return await jobOf(params, parts, params.args, await fingerprintFrom(parts))
}

/**
 * The jobs of a map, in the order of their inputs' names: each has its file under `/in`, and `{}` in the arguments stands
 * for where that is.
 */
export async function readMap(
  params: Omit<JobParams, 'input' | 'stdin'> & { map: MapParams },
  signal: AbortSignal
): Promise<ReadJob[]> {
  const { base, pattern } = params.map
  const module = await readModule(params.module, signal)
  const inputs = await filesOf(base, pattern, MAX_MAP)
  if (inputs.length === 0)
    throw new BushelError(
      'BAD_PATH',
      `'${pattern}' matches no file; nothing was run`,
      "write the pattern as 'chunks/*'"
    )
  const jobs: ReadJob[] = []
  const shared = { module, stdin: Buffer.alloc(0) }
  const fingerprint = await fingerprintFrom(shared)
  let bytes = 0
  for (const { name, path } of inputs) {
    const file = { path: basename(path), bytes: await readBounded(path, MAX_BLOB_BYTES - bytes, signal) }
    bytes += file.bytes.byteLength
    const args = params.args.map(arg => arg.replaceAll('{}', () => `/in/${file.path}`))
    jobs.push(await jobOf(params, { name, ...shared, files: [file] }, args, fingerprint))
  }
  return jobs
}

async function jobOf(
  params: Pick<JobParams, 'module' | 'seed' | 'limits'>,
  parts: Pick<ReadJob, 'name' | 'module' | 'stdin' | 'files'>,
  args: readonly string[],
  fingerprintOf: Fingerprinting
): Promise<ReadJob> {
  const fault = faultOfPaths(parts.files.map(({ path }) => path))
  if (fault) throw new BushelError('BAD_PATH', `the input cannot be given to a job: ${fault}`)
  const job = { ...parts, args: [basename(params.module), ...args], limits: limitsOf(params.limits) }
  const fingerprint = await fingerprintOf(job)
  // by default what a job is says what its randomness is: it comes out the same wherever and whenever it is run
  return {
    ...job,
    fingerprint,
    seed: params.seed === undefined ? fingerprint : Buffer.from(params.seed, 'hex')
  }
}

/** The usual limits but for those given; what is given more time is given as much processor time. */
function limitsOf(settings: JobLimitSettings): SandboxLimits {
  const cpuMs = settings.cpuMs ?? Math.max(DEFAULT_LIMITS.cpuMs, settings.wallMs ?? 0)
  return { ...DEFAULT_LIMITS, ...settings, cpuMs }
}

type Fingerprinting = (job: Pick<ReadJob, 'args' | 'files'>) => Promise<Buffer>

/** Fingerprints of jobs with this module and standard input, which are hashed once for all of them. */
async function fingerprintFrom({
  module,
  stdin
}: Pick<ReadJob, 'module' | 'stdin'>): Promise<Fingerprinting> {
  const shared = createHash('sha256').update('bushel/job/1\0')
  await take(shared, 'module', module)
  await take(shared, 'stdin', stdin)
  return async ({ args, files }) => {
    const hash = shared.copy()
    for (const arg of args.slice(1)) await take(hash, 'argument', Buffer.from(arg))
    for (const { path, bytes } of files) await take(hash, path, bytes)
    return hash.digest()
  }
}

async function take(hash: Hash, name: string, bytes: Buffer): Promise<void> {
  hash.update(`${Buffer.byteLength(name)}\0${name}\0${bytes.byteLength}\0`)
  for (let at = 0; at < bytes.byteLength; at += STEP) {
    hash.update(bytes.subarray(at, at + STEP))
    if (at + STEP < bytes.byteLength) await new Promise(resolve => setImmediate(resolve))
  }
}

async function readModule(path: string, signal: AbortSignal): Promise<Buffer> {
  const module = await readBounded(path, DEFAULT_LIMITS.moduleBytes, signal)
  if (module.subarray(0, 4).equals(MAGIC)) return module
  throw new BushelError(
    'BAD_MODULE',
    `'${path}' is not a WebAssembly module; nothing was run`,
    'build it for wasm32-wasi, as docs/compute.md shows'
  )
}

/** A folder's files with their relative paths, links followed where they stay inside; or one file. */
async function readInput(path: string, signal: AbortSignal): Promise<SandboxFile[]> {
  const tree = await readTree(path, { signal })
  const bad = tree.leftOut.find(({ why }) => why !== EMPTY_FOLDER)
  if (bad)
    throw new BushelError(
      'BAD_PATH',
      `'${path}' has ${bad.why}, which a job does not take: ${bad.path.slice(0, 80)}`,
      'remove or rename it'
    )
  const files: SandboxFile[] = []
  let bytes = 0
  for (const entry of tree.entries) {
    if (entry.kind === 'link')
      throw new BushelError(
        'BAD_PATH',
        `'${path}/${entry.path}' is a symbolic link; a job takes only files`,
        'replace the link with the file'
      )
    if (files.length === MAX_FILES)
      throw new BushelError(
        'TOO_LARGE',
        `'${path}' has more than ${MAX_FILES} files`,
        'pack them into one file'
      )
    const file = { path: entry.path, bytes: await readBounded(entry.source, MAX_BLOB_BYTES - bytes, signal) }
    bytes += file.bytes.byteLength
    files.push(file)
  }
  return files
}

/** Throws TOO_LARGE for a file that has more bytes than that. */
async function readBounded(path: string, most: number, signal: AbortSignal): Promise<Buffer> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error)
  })
  if (!found.isFile()) throw new BushelError('BAD_PATH', `'${path}' is not a file`)
  if (found.size > most) throw tooLarge(path, most)
  for (let reads = 1; reads <= MOST_READS; reads++) {
    if (reads > 1) await pause(READ_AGAIN, signal)
    const bytes = await readOnce(path, most, signal)
    if (bytes) return bytes
  }
  throw new BushelError(
    'FILE_CHANGED',
    `'${path}' changed each time that it was read; nothing was run`,
    'run the command again when no program writes to the file'
  )
}

/** The bytes of a file at one moment; null when it was written meanwhile. */
async function readOnce(path: string, most: number, signal: AbortSignal): Promise<Buffer | null> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw unreadable(path, error)
  })
  try {
    const state = await stateBefore(() => handle.stat({ bigint: true }))
    if (!state) throw new BushelError('BAD_PATH', `'${path}' is not a file`)
    if (state.size > most) throw tooLarge(path, most)
    const bytes = Buffer.allocUnsafeSlow(state.size)
    for (let at = 0; at < bytes.byteLength;) {
      signal.throwIfAborted()
      const { bytesRead } = await handle.read(bytes, at, Math.min(STEP, bytes.byteLength - at), at)
      if (bytesRead === 0) return null
      at += bytesRead
    }
    return isUnchanged(state, await handle.stat({ bigint: true })) ? bytes : null
  } finally {
    await handle.close()
  }
}

function tooLarge(path: string, most: number): BushelError {
  return new BushelError(
    'TOO_LARGE',
    `'${path}' is too large: a job takes ${formatSize(MAX_BLOB_BYTES)} of input and a module of ${formatSize(DEFAULT_LIMITS.moduleBytes)}; ${formatSize(most)} are left for this file`,
    'split it into parts and run them with --map'
  )
}
