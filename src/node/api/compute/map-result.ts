import type { MapEntry, MapResult } from './job-fields.js'

/** Ended by itself, and says that it went well. */
export function isOk(entry: MapEntry): boolean {
  return !('error' in entry) && entry.status === 'ok' && entry.exitCode === 0
}

export function mapResult(jobs: MapEntry[], seconds: number): MapResult {
  const ok = jobs.filter(isOk).length
  const sum = (name: 'paidMsat' | 'feesMsat'): string =>
    jobs.reduce((total, entry) => total + ('error' in entry ? 0n : BigInt(entry[name])), 0n).toString()
  return { jobs, ok, failed: jobs.length - ok, paidMsat: sum('paidMsat'), feesMsat: sum('feesMsat'), seconds }
}
