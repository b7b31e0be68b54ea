import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEFAULT_LIMITS, bestIsolation } from '../../../src/compute/sandbox/sandbox.js'
import type { Isolation, SandboxLimits, SandboxJob } from '../../../src/compute/sandbox/sandbox.js'

export const MIB = 1 << 20
export const PLENTY = 10n ** 15n

/** Sources and the programs built from them. */
export const programs = join(dirname(fileURLToPath(import.meta.url)), '../../../test/compute/programs')

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

/**
 * The longest time between two turns of the event loop, ms: processor time of all threads of this process, or
 * real time where that is less, since other load on the machine delays turns too.
 */
export function busyness(): { stop(): number } {
  let most = 0
  let at = performance.now()
  let cpu = process.cpuUsage()
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(cpu)
    most = Math.max(most, Math.min((user + system) / 1000, performance.now() - at))
    at = performance.now()
    cpu = process.cpuUsage()
  }, 5)
  return {
    stop() {
      clearInterval(timer)
      return most
    }
  }
}
