import { PassThrough } from 'node:stream'
import type { BushelError } from '../../../contracts/errors/error.js'
import { execute, wantsJson } from '../../../src/cli/main.js'
import { Output } from '../../../src/cli/output/output.js'

export interface CommandOutput {
  failure: BushelError | null
  /** Exit code of the process. */
  exit: number
  stdout: string
  stderr: string
  bytes: { stdout: Buffer; stderr: Buffer }
  /** Standard output as lines of JSON. */
  lines: Record<string, unknown>[]
}

/** Runs a command line in this process as the executable would. */
export async function runCommandLine(
  argv: string[],
  signal: AbortSignal = new AbortController().signal
): Promise<CommandOutput> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const json = wantsJson(argv)
  const output = new Output(json, { stdout, stderr })
  const failure = await execute(argv, output, signal)
  if (failure) output.error(failure)
  const read = (stream: PassThrough): Buffer => (stream.read() as Buffer | null) ?? Buffer.alloc(0)
  const bytes = { stdout: read(stdout), stderr: read(stderr) }
  const said = bytes.stdout.toString()
  const parse = (line: string): Record<string, unknown> => JSON.parse(line) as Record<string, unknown>
  return {
    failure,
    exit: failure?.exit ?? output.exit,
    stdout: said,
    stderr: bytes.stderr.toString(),
    bytes,
    lines: json ? said.split('\n').filter(Boolean).map(parse) : []
  }
}
