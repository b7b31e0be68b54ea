import { readFile } from 'node:fs/promises'
import { BushelError } from '../../../contracts/errors/error.js'
import { WORD_COUNT, countWords } from '../../identity/words.js'
import type { Output } from '../output/output.js'
import { readablePath } from './arguments.js'

const MAX_WORDS_BYTES = 4096

/** 24 words from a file. Throws BAD_PATH, BAD_WORDS. */
export async function wordsIn(path: string): Promise<string> {
  const read = await readFile(await readablePath(path), 'utf8')
  if (read.length > MAX_WORDS_BYTES)
    throw new BushelError(
      'BAD_WORDS',
      `${path} has more than ${MAX_WORDS_BYTES} bytes, which is more than 24 words`
    )
  return read
}

/** 24 words from standard input, to its end; from a terminal until 24 words have come, or an empty line. */
export async function readWords({
  output,
  signal
}: {
  output: Output
  signal: AbortSignal
}): Promise<string> {
  const { stdin } = process
  if (stdin.isTTY) output.line('Type or paste your 24 words; an empty line ends them:')
  const stop = (): void => void stdin.destroy()
  signal.addEventListener('abort', stop, { once: true })
  let read = ''
  try {
    for await (const chunk of stdin) {
      read += String(chunk)
      if (read.length > MAX_WORDS_BYTES || (stdin.isTTY && isComplete(read))) break
    }
  } catch (error) {
    if (!signal.aborted) throw error // an interruption is thrown below
  }
  signal.throwIfAborted()
  if (read.length > MAX_WORDS_BYTES) {
    throw new BushelError(
      'BAD_WORDS',
      `standard input has more than ${MAX_WORDS_BYTES} bytes, which is more than 24 words`
    )
  }
  return read
}

function isComplete(typed: string): boolean {
  return typed.endsWith('\n') && (countWords(typed) >= WORD_COUNT || /(^|\n)\s*\n$/.test(typed))
}
