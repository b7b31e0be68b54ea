import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEFAULT_LIMITS, bestIsolation } from '../../../src/compute/sandbox/sandbox.js'
import type { Isolation, SandboxLimits, SandboxJob } from '../../../src/compute/sandbox/sandbox.js'

export const MIB = 1 << 20
export const PLENTY = 10n ** 15n

/** Sources and the programs built from them. */
export const programs = join(dirname(fileURLToPath(import.meta.url)), '../../../../test/samples/programs')

export function program(name: string): Buffer {
  return readFileSync(join(programs, `${name}.wasm`))
}

/** A job with small limits, so that a bad one ends soon. */
export function job(
  module: Buffer,
  {
    args = [],
    limits = {},
    ...rest
  }: Partial<Omit<SandboxJob, 'limits'>> & { limits?: Partial<SandboxLimits> } = {}
): SandboxJob {
  return {
    module,
    args: ['program', ...args],
    stdin: Buffer.alloc(0),
    files: [],
    seed: Buffer.alloc(32, 1),
    fuel: PLENTY,
    ...rest,
    limits: {
      ...DEFAULT_LIMITS,
      wallMs: 60_000,
      cpuMs: 60_000,
      memoryBytes: 64 * MIB,
      stdoutBytes: MIB,
      stderrBytes: 64 << 10,
      outputBytes: 8 * MIB,
      inodes: 256,
      compileMs: 60_000,
      ...limits
    }
  }
}

/** Both isolations, each with the reason why it is skipped here, if any. */
export const isolations: readonly { isolation: Isolation; skip: string | false }[] = [
  { isolation: 'process', skip: false },
  {
    isolation: 'bwrap',
    skip: (await bestIsolation()) === 'bwrap' ? false : 'bubblewrap does not work on this machine'
  }
]
