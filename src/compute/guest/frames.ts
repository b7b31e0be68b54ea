/**
 * The protocol between a guest and its host over the guest's standard input and output. A frame of the guest is one byte
 * of kind, four bytes of length (little endian), and the body. The host sends a job (a JSON header, then module, standard
 * input and files, one after the other) and later the answers to requests for fuel.
 */
export const KIND = {
  /** The guest has loaded its code and waits for a job. */
  ready: 1,
  /** The guest has read the whole job; metering and compiling begin. */
  loaded: 2,
  /** The module is metered and compiled; it begins to run. */
  compiled: 3,
  /** Request for fuel: used and missing, 8 bytes each. The guest waits for the answer. */
  refuel: 4,
  /** End of the run: an `EndFrame` as JSON. The output follows. */
  end: 5,
  stdout: 6,
  stderr: 7,
  /** Path of a file; its content is the next frame. */
  path: 8,
  file: 9,
  /** Last frame. */
  done: 10
} as const

export type FrameKind = (typeof KIND)[keyof typeof KIND]

export const HEAD_BYTES = 5
/** Size of the answer to a request for fuel: one byte (0: refused), then the grant. */
export const ANSWER_BYTES = 9
/** Most bytes of an `EndFrame`. */
export const END_BYTES = 4096

/** Most bytes and most components of a path below `/in` or `/out`. */
export const PATH_BYTES = 1024
export const PATH_DEPTH = 64
/** Most bytes of one name in a path. */
export const NAME_BYTES = 255

export type LimitName = 'wall' | 'cpu' | 'memory' | 'output' | 'inodes' | 'fuel' | 'module'

export interface JobHeader {
  args: string[]
  /** Bytes. */
  module: number
  stdin: number
  files: [path: string, bytes: number][]
  /** Hex of 32 bytes. */
  seed: string
  /** First grant, decimal. */
  fuel: string
  /** Most pages of 64 KiB of the module's memory. */
  maxPages: number
  stdoutBytes: number
  stderrBytes: number
  outputBytes: number
  inodes: number
}

export interface EndFrame {
  status: 'ok' | 'trap' | 'limit' | 'rejected'
  limit: LimitName | null
  reason: string
  exitCode: number
  /** Fuel used, decimal. */
  fuel: string
  cpuMs: number
  peakBytes: number
}
