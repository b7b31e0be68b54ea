import type { JobTerms } from '#spec'
import { faultOfPaths } from '../sandbox/job.js'
import type { Unpacked } from './job-archive.js'

/** Why no sandbox can have made this output within the limits of a job; null when one can. */
export function faultOfOutput(
  { stdout, stderr, files }: Unpacked,
  limits: Pick<JobTerms['limits'], 'stdoutBytes' | 'stderrBytes' | 'outputBytes' | 'inodes'>
): string | null {
  if (stdout.byteLength > limits.stdoutBytes) return 'its standard output is larger than was agreed'
  if (stderr.byteLength > limits.stderrBytes) return 'its standard error is larger than was agreed'
  if (files.length > limits.inodes) return 'it has more files than were agreed'
  if (files.reduce((sum, { bytes }) => sum + bytes.byteLength, 0) > limits.outputBytes)
    return 'its files are larger than was agreed'
  const fault = faultOfPaths(files.map(({ path }) => path))
  if (fault) return fault
  const keys = files.map(({ path }) => Buffer.from(path))
  const isSorted = keys.every((key, i) => i === 0 || Buffer.compare(keys[i - 1]!, key) < 0)
  return isSorted ? null : 'its files are not in the order of their paths'
}
