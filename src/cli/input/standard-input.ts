import { createWriteStream, fstatSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { BushelError } from '../../../contracts/errors/error.js'
import { MIB, formatSize } from '../../../contracts/money/quantity.js'
import type { Output } from '../output/output.js'

const MOST = 256 * MIB
/** After so long it is said that something is waited for, ms. */
const SILENCE_MS = 2_000

/**
 * Gives `use` a file with what is piped into this command, or null where nothing is: a terminal, or nothing at all. The
 * file is of this user alone, and gone afterwards.
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
      () => output.line('reading standard input; --no-stdin leaves it alone'),
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
    if ((error as NodeJS.ErrnoException).code === 'EBADF') return false // it was closed
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
        'put it into a file, and give that with --in; nothing was run'
      )
    yield part
  }
}
