import { sumOfFiles } from '../../../contracts/evidence/checksum.js'
import { createHash } from 'node:crypto'
import { describe } from './child.js'
import type { Death } from './child.js'
import type { LimitName, Outcome } from './job.js'

/** An outcome without output. */
export function nothing(status: Outcome['status'], limit: LimitName | null, reason: string): Outcome {
  return {
    status,
    limit,
    reason,
    exitCode: -1,
    fuel: 0n,
    stdout: Buffer.alloc(0),
    stderr: Buffer.alloc(0),
    files: [],
    hash: sumOfFiles([]).sha256 + createHash('sha256').digest('hex'),
    cpuMs: 0,
    wallMs: 0,
    peakBytes: 0
  }
}

/** Exit codes by which a shell, and bubblewrap, report that a signal ended the program. */
const SIGNAL_CODE = { SIGXCPU: 152, SIGKILL: 137 }

/** Why a process ended that the host did not kill. */
export function diagnosis(death: Death): Pick<Outcome, 'status' | 'limit' | 'reason'> {
  const by = (signal: keyof typeof SIGNAL_CODE) =>
    death.signal === signal || death.code === SIGNAL_CODE[signal]
  if (by('SIGXCPU')) {
    return { status: 'limit', limit: 'cpu', reason: 'the system ended it: it used too much processor time' }
  }
  if (by('SIGKILL') || /out of memory|allocation failed/i.test(death.complaint)) {
    return { status: 'limit', limit: 'memory', reason: 'the system ended it: it used too much memory' }
  }
  return { status: 'trap', limit: null, reason: `its process is gone: ${describe(death)}` }
}
