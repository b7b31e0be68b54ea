/**
 * What a guest and its host say to each other over the guest's standard input and output. A frame is one byte of kind,
 * four of length (little endian), then the body. The host sends a job (a header as JSON, then the module, the standard
 * input and the files back to back) and later the answers to requests for fuel.
 */
export const KIND = {
  /** The guest has loaded its code and waits for a job. */
  ready: 1,
  /** The whole job is read; from here the module is at work. */
  loaded: 2,
  /** The module is metered and compiled; from here it runs. */
  compiled: 3,
  /** More fuel is wanted: used and missing, 8 bytes each. The guest waits for the answer. */
  refuel: 4,
  /** How the run ended: an `End` as JSON. What it left follows. */
  end: 5,
  stdout: 6,
  stderr: 7,
  /** The path of a file, whose bytes are the next frame. */
  path: 8,
  file: 9,
  /** Nothing more comes. */
  done: 10
} as const

export type FrameKind = (typeof KIND)[keyof typeof KIND]

export const HEAD_BYTES = 5
/** An answer to a request for fuel: one byte (0 is no), then the grant. */
export const ANSWER_BYTES = 9
/** Most bytes of an `End`. */
export const END_BYTES = 4096

/** Most bytes of a path from the root of `/in` or `/out`, and folders that it leads through. */
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
  /** Pages of 64 KiB that the module's memory may have. */
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
