import { closeSync } from 'node:fs'
import { END_BYTES, KIND } from './frames.js'
import type { EndFrame, JobHeader } from './frames.js'
import { HostGone, receive, send } from './pipe.js'
import { run } from './run.js'
import type { RunEnding, RunResult } from './run.js'
import { filesUnder } from './volume/volume.js'
import type { GuestJob } from './wasi/wasi.js'

// A guest loads its code, reports that it is ready, reads one job, runs it, sends the result, and ends.

const REASON_CHARACTERS = 300

function readJob(): GuestJob {
  const header = JSON.parse(receive(receive(4).readUInt32LE()).toString()) as JobHeader
  const module = receive(header.module)
  const stdin = receive(header.stdin)
  const files = header.files.map(([path, bytes]) => ({ path, bytes: receive(bytes) }))
  return { header, module, stdin, files }
}

function sendResult({ ending, fuel, wasi }: RunResult, cpuMs: number): void {
  const end: EndFrame = {
    ...shortened(ending),
    fuel: String(fuel),
    cpuMs,
    peakBytes: process.resourceUsage().maxRSS * 1024
  }
  send(KIND.end, Buffer.from(JSON.stringify(end)).subarray(0, END_BYTES))
  send(KIND.stdout, wasi.stdout.bytes)
  send(KIND.stderr, wasi.stderr.bytes)
  for (const { path, file } of filesUnder(wasi.out.root)) {
    send(KIND.path, Buffer.from(path))
    send(KIND.file, file.bytes)
  }
  send(KIND.done)
}

function shortened(ending: RunEnding): RunEnding {
  return { ...ending, reason: ending.reason.slice(0, REASON_CHARACTERS) }
}

/** Closes the descriptors that it inherited; their numbers are its arguments. */
function closeInherited(): void {
  for (const fd of process.argv.slice(2)) closeSync(Number(fd))
}

function live(): void {
  closeInherited()
  send(KIND.ready)
  const job = readJob()
  send(KIND.loaded)
  let before = process.cpuUsage()
  const result = run(job, () => {
    send(KIND.compiled)
    before = process.cpuUsage()
  })
  const { user, system } = process.cpuUsage(before)
  sendResult(result, Math.round((user + system) / 1000))
}

// Refusals may be thrown millions of times, and their stack traces are never read.
Error.stackTraceLimit = 0
try {
  live()
} catch (error) {
  if (!(error instanceof HostGone)) throw error
}
