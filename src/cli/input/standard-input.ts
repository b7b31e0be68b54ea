import { createWriteStream, fstatSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { BushelError } from '../../../contracts/errors/error.js'
import { MIB, formatSize } from '../../../contracts/money/quantity.js'
import type { Output } from '../output/output.js'

/** The most that is read from standard input, bytes. */
const MOST = 256 * MIB
/** After this time the command says that it waits for standard input, ms. */
const SILENCE_MS = 2_000

/**
 * Calls `use` with a file that has the standard input of this command, or with null when nothing is piped in. The file is
 * readable by this user only and removed afterwards. Throws TOO_LARGE.
 */
export async function withPipedInput<T>(
  wanted: boolean,
  { output, signal }: { output: Output; signal: AbortSignal },
  use: (file: string | null) => Promise<T>
): Promise<T> {
  if (!wanted || !isPiped()) return await use(null)
  const folder = await mkdtemp(join(tmpdir(), 'bushel-stdin-'))
  try {
    const file = join(folder, 'stdin')
    const waiting = setTimeout(
      () => output.line('waiting for standard input to end; --no-stdin does not read it'),
      SILENCE_MS
    )
    try {
      await pipeline(process.stdin, bounded, createWriteStream(file, { mode: 0o600 }), { signal })
    } finally {
      clearTimeout(waiting)
    }
    return await use(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function isPiped(): boolean {
  try {
    const stats = fstatSync(0)
    return stats.isFIFO() || stats.isFile() || stats.isSocket()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBADF') return false // standard input is closed
    throw error
  }
}

async function* bounded(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const part of source) {
    bytes += part.byteLength
    if (bytes > MOST)
      throw new BushelError(
        'TOO_LARGE',
        `standard input has more than ${formatSize(MOST)}`,
        'nothing was run; put the input into a file and give it with --in'
      )
    yield part
  }
}
