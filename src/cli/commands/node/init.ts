import { BushelError } from '../../../../contracts/errors/error.js'
import { parseAmount } from '../../../../contracts/money/money.js'
import { setUp } from '../../../daemon/setup.js'
import { readWords } from '../../input/words.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { facts } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'init',
  summary: 'create a home with a new identity; prints its 24 words once',
  example: 'init --play-grant "1000000 sat"',
  options: {
    '--words <source>': '`-`: recover an identity from 24 words on standard input',
    '--play-grant <amount>': 'play money to start with (default: 1 000 000 sat)'
  }
}

/** Creates a home and prints the 24 words of its identity, once. */
export const run: Action = async ({ access, dryRun, output, signal }, _positional, options) => {
  const grant = text(options, 'playGrant')
  const playGrantMsat = grant === undefined ? undefined : parseAmount(grant)
  const source = text(options, 'words')
  if (source !== undefined && source !== '-') {
    throw new BushelError(
      'BAD_WORDS',
      'words on the command line can be read by every user of this machine; nothing was created',
      'give them on standard input: bushel init --words -'
    )
  }
  const words = source === '-' ? await readWords({ output, signal }) : undefined
  const result = await setUp({
    home: access.home,
    ...(words === undefined ? {} : { words }),
    ...(playGrantMsat === undefined ? {} : { playGrantMsat }),
    dryRun
  })
  output.print(result, () => {
    const made = facts([
      ['home', access.home],
      ['identity', result.identity ?? '(none: a dry run makes no key)'],
      ['device', result.device ?? '(none: a dry run makes no key)']
    ])
    if (!result.words) return made
    return [
      'Write these 24 words down. They are shown once and stored nowhere. They recover',
      'this identity on any machine, for you and for anyone else who has them.',
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
