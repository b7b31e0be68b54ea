import { BushelError } from '../../../../contracts/errors/error.js'
import { parseAmount } from '../../../../contracts/money/money.js'
import { setUp } from '../../../daemon/setup.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { facts } from '../../output/table.js'

const MAX_WORDS_BYTES = 4096

/** Makes a home; prints its words this once. */
export const run: Action = async ({ access, dryRun, output, signal }, _positional, options) => {
  const grant = text(options, 'playGrant')
  const playGrantMsat = grant === undefined ? undefined : parseAmount(grant)
  const source = text(options, 'words')
  if (source !== undefined && source !== '-') {
    throw new BushelError(
      'BAD_WORDS',
      'words on the command line can be read by everybody on this machine',
      'give them on standard input: bushel init --words -'
    )
  }
  if (source === '-' && process.stdin.isTTY) output.line('Type your 24 words on one line, then Enter:')
  const words = source === '-' ? await readWords(signal) : undefined
  const result = await setUp({
    home: access.home,
    ...(words === undefined ? {} : { words }),
    ...(playGrantMsat === undefined ? {} : { playGrantMsat }),
    dryRun
  })
  output.print(result, () => {
    const made = facts([
      ['home', access.home],
      ['identity', result.identity ?? '(made when it is not a dry run)'],
      ['device', result.device ?? '(made when it is not a dry run)']
    ])
    if (!result.words) return made
    return [
      'Write these 24 words down. They are shown once and kept nowhere. With them you',
      'recover this identity on any machine; so does whoever else has them.',
      '',
      ...numbered(result.words.split(' ')),
      '',
      ...made
    ]
  })
}

function numbered(words: string[]): string[] {
  const rows = Math.ceil(words.length / 4)
  const cell = (i: number): string => `${String(i + 1).padStart(4)} ${words[i]!.padEnd(12)}`
  return Array.from({ length: rows }, (_, row) =>
    [0, 1, 2, 3]
      .map(column => cell(row + column * rows))
      .join('')
      .trimEnd()
  )
}

/** The first line, or all there is, of standard input. */
async function readWords(signal: AbortSignal): Promise<string> {
  const { stdin } = process
  const stop = (): void => void stdin.destroy()
  signal.addEventListener('abort', stop, { once: true })
  let read = ''
  try {
    for await (const chunk of stdin) {
      read += String(chunk)
      if (read.length > MAX_WORDS_BYTES || (stdin.isTTY && read.includes('\n'))) break
    }
  } catch (error) {
    if (!signal.aborted) throw error // else it is said once, by what follows
  }
  signal.throwIfAborted()
  if (read.length > MAX_WORDS_BYTES) {
    throw new BushelError('BAD_WORDS', 'standard input is more than 24 words')
  }
  return read
}
