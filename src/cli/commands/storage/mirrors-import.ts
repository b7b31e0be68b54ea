import { BushelError } from '../../../../contracts/errors/error.js'
import { absolutePath } from '../../input/arguments.js'
import { readWords, wordsIn } from '../../input/words.js'
import { text } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'
import { list } from '../../output/table.js'

const SAID = {
  taken: 'deals with this device from now on',
  waiting: 'could not be told yet',
  refused: 'does not hand it over'
}

/** Takes over a mirror that another device has exported. */
export const { syntax, run } = oneCall({
  usage: 'mirrors import <file>',
  summary: 'take over a mirror that another device of yours has exported; asks for your 24 words',
  example: 'mirrors import films.mirror',
  options: { '--words-file <file>': 'file with the 24 words (default: standard input)' },
  call: onNode('mirrors.import'),
  params: async ({ dryRun, output, signal }, [file], options) => {
    const from = text(options, 'wordsFile')
    const words = from === undefined ? await readWords({ output, signal }) : await wordsIn(from)
    if (words.trim() === '')
      throw new BushelError(
        'BAD_INPUT',
        'no words were given; nothing was changed',
        'type the 24 words, or use --words-file'
      )
    return { file: absolutePath(file!), words, dryRun }
  },
  isPart: ({ providers }) => providers.some(({ result }) => result === 'refused'),
  text: ({ name, from, providers, market }, { dryRun }) => [
    `${name} ${dryRun ? 'would be' : 'is'} on this device now; device ${from.slice(0, 8)} pays nothing more`,
    ...(dryRun
      ? []
      : list(providers, 'no copy of it is kept any more', [
          [{ title: 'PROVIDER' }, ({ provider }) => provider.slice(0, 8)],
          [
            { title: 'RESULT', flexible: true },
            ({ result, why }) => (why ? `${SAID[result]}: ${why}` : SAID[result])
          ]
        ])),
    ...(providers.some(({ result }) => result === 'waiting')
      ? ['those that could not be told are asked again as long as this node is up: bushel up']
      : []),
    'all that the other device bought from these providers goes over too: import its other mirrors as well',
    ...(market ? [`to extend it, join its market: bushel market join ${market}`] : [])
  ]
})
