import type { JobOutput, RunEnd, RunRecord } from '#spec'
import { resultHash } from '../../../../contracts/job.js'
import type { Accepted } from './run.js'
import { providersOf } from './run-records.js'
import type { RunOutcome } from './run-types.js'

const NONE: JobOutput = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), files: [] }

/** The end of a run that took `ms`; without an accepted result it is disputed. */
export function endOf(accepted: Accepted | null, ms: number): RunEnd {
  if (!accepted) {
    const reason = 'the results differ, and none has a majority'
    return { status: 'disputed', limit: '', reason, exitCode: -1, fuel: 0n, hash: '', ms }
  }
  const { status, limit, reason, exitCode, fuel } = accepted.result
  return { status, limit, reason, exitCode, fuel, hash: resultHash(accepted.result), ms }
}

export function outcomeOf(record: RunRecord, end: RunEnd, output: JobOutput | null): RunOutcome {
  const { stdout, stderr, files } = output ?? NONE
  return {
    id: record.id,
    status: end.status as RunOutcome['status'],
    limit: end.limit || null,
    reason: end.reason,
    exitCode: end.exitCode,
    fuel: end.fuel,
    hash: end.hash,
    stdout: stdout ?? Buffer.alloc(0),
    stderr: stderr ?? Buffer.alloc(0),
    files: files.map(({ path, bytes }) => ({ path, bytes: bytes ?? Buffer.alloc(0) })),
    paidMsat: record.replicas.reduce((sum, { paidMsat }) => sum + paidMsat, 0n),
    feesMsat: record.replicas.reduce((sum, { feesMsat }) => sum + feesMsat, 0n),
    providers: providersOf(record.replicas),
    evidence: record.evidence,
    seconds: end.ms / 1000
  }
}
