import { MIB } from '../../../contracts/money/quantity.js'
import { NAME_BYTES, PATH_BYTES, PATH_DEPTH } from '../guest/frames.js'
import type { LimitName } from '../guest/frames.js'

export type { LimitName }

export interface SandboxLimits {
  /** Running time of the module, without waits for fuel, ms. */
  wallMs: number
  /** Processor time of running, over all cores, ms. */
  cpuMs: number
  /** Memory of the module; the limit of the whole process is computed from it. */
  memoryBytes: number
  moduleBytes: number
  stdoutBytes: number
  stderrBytes: number
  /** All files under `/out` together. */
  outputBytes: number
  /** Files and folders under `/out`. */
  inodes: number
  /** Time for metering and compiling, ms. */
  compileMs: number
}

export const DEFAULT_LIMITS: SandboxLimits = {
  wallMs: 600_000,
  cpuMs: 600_000,
  memoryBytes: 256 * MIB,
  moduleBytes: 16 * MIB,
  stdoutBytes: 4 * MIB,
  stderrBytes: MIB,
  outputBytes: 64 * MIB,
  inodes: 4096,
  compileMs: 30_000
}

export interface SandboxFile {
  /** Relative, with `/`, without `..`. */
  path: string
  bytes: Buffer
}

export interface SandboxJob {
  module: Buffer
  /** The program's arguments; the first is its name. */
  args: string[]
  stdin: Buffer
  /** Files under `/in`. */
  files: readonly SandboxFile[]
  /** 32 bytes; the only source of the module's random numbers. */
  seed: Buffer
  limits: SandboxLimits
  /** The first grant. */
  fuel: bigint
}

export interface Outcome {
  /**
   * `ok`: ended by itself, with any exit code. `trap`: a WebAssembly trap or a protocol violation. `limit`: stopped by a
   * limit. `rejected`: not run.
   */
  status: 'ok' | 'trap' | 'limit' | 'rejected'
  limit: LimitName | null
  /** One line to show; '' when ok. */
  reason: string
  /** -1 when it did not end by itself. */
  exitCode: number
  /** Fuel used; of a killed module, the fuel used at its last request for more. */
  fuel: bigint
  stdout: Buffer
  stderr: Buffer
  /** Files under `/out`, sorted by the UTF-8 bytes of their paths; empty when the module was killed. */
  files: SandboxFile[]
  /** Hex: the checksum of the tree `files` (64 digits), then the SHA-256 of `stdout` (64 digits). */
  hash: string
  /** Processor time of running, ms. */
  cpuMs: number
  /** Running time without waits for fuel, ms. */
  wallMs: number
  /** Peak memory of the whole process. */
  peakBytes: number
}

const MOST_ARGS = 1024
const MOST_ARG_BYTES = 64 << 10
const MOST_FILES = 10_000
const SEED_BYTES = 32
const MOST_PAGE_BYTES = 4096 * MIB
/** Upper bound of each size limit, because results are kept in memory. */
const MOST_RESULT_BYTES = 1024 * MIB
const MOST_INODES = 65_536
const MOST_MS = 2 ** 31 - 1
export const MOST_FUEL = 1n << 62n

/** Generous allowance for the memory of node and of compiling. */
const BASE_BYTES = 384 * MIB

/** Most bytes that the process of a job may occupy. */
export function mostBytes(limits: SandboxLimits, given: number): number {
  const { memoryBytes, outputBytes, stdoutBytes, stderrBytes } = limits
  // File buffers grow by doubling, and the old and new one exist during the copy: up to three times the content.
  return BASE_BYTES + memoryBytes + 3 * (outputBytes + stdoutBytes + stderrBytes) + given
}

/** Bytes that a job brings along. */
export function givenBytes({ module, stdin, files }: Pick<SandboxJob, 'module' | 'stdin' | 'files'>): number {
  return [module, stdin, ...files.map(file => file.bytes)].reduce(
    (sum, { byteLength }) => sum + byteLength,
    0
  )
}

/** Why a job cannot be run, in one line; or null. */
export function faultOf({ module, args, files, seed, fuel, limits }: SandboxJob): string | null {
  const most: SandboxLimits = {
    wallMs: MOST_MS,
    cpuMs: MOST_MS,
    compileMs: MOST_MS,
    memoryBytes: MOST_PAGE_BYTES,
    moduleBytes: MOST_RESULT_BYTES,
    stdoutBytes: MOST_RESULT_BYTES,
    stderrBytes: MOST_RESULT_BYTES,
    outputBytes: MOST_RESULT_BYTES,
    inodes: MOST_INODES
  }
  for (const name of Object.keys(most) as (keyof SandboxLimits)[]) {
    const value = limits[name]
    if (!Number.isSafeInteger(value) || value < 0 || value > most[name]) {
      return `its limit ${name} must be a whole number from 0 to ${most[name]}`
    }
  }
  if (seed.byteLength !== SEED_BYTES) return `its seed must be ${SEED_BYTES} bytes`
  if (fuel < 0n || fuel >= MOST_FUEL) return `its fuel must be from 0 to ${MOST_FUEL}`
  if (module.byteLength === 0) return 'it has no module'
  if (args.length > MOST_ARGS) return `it has more than ${MOST_ARGS} arguments`
  if (!args.every(isText)) return 'an argument is not text'
  if (args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 1, 0) > MOST_ARG_BYTES) {
    return `its arguments are longer than ${MOST_ARG_BYTES} bytes`
  }
  if (files.length > MOST_FILES) return `it has more than ${MOST_FILES} input files`
  return faultOfPaths(files.map(({ path }) => path))
}

/** Why these paths cannot be the files of one tree, or null. */
export function faultOfPaths(paths: readonly string[]): string | null {
  const files = new Set<string>()
  const folders = new Set<string>()
  for (const path of paths) {
    const parts = path.split('/')
    const shown = JSON.stringify(path.slice(0, 80))
    if (Buffer.byteLength(path) > PATH_BYTES || parts.length > PATH_DEPTH)
      return `the path ${shown} is too long`
    if (!isText(path)) return `the path ${shown} is not text`
    if (
      parts.some(part => part === '' || part === '.' || part === '..' || Buffer.byteLength(part) > NAME_BYTES)
    ) {
      return `the path ${shown} is not a plain relative path`
    }
    if (files.has(path)) return `the path ${shown} occurs twice`
    files.add(path)
    for (let i = 1; i < parts.length; i++) folders.add(parts.slice(0, i).join('/'))
  }
  for (const path of files) {
    if (folders.has(path)) return `the path ${JSON.stringify(path.slice(0, 80))} is both a file and a folder`
  }
  return null
}

/** Whether text can be written as UTF-8 and has no NUL. */
function isText(text: string): boolean {
  return !text.includes('\0') && Buffer.from(text).toString() === text
}
