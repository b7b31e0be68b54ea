import { oneCall, onNode } from '../../one-call.js'

/** Gives a mirror another name. */
export const { syntax, run } = oneCall({
  usage: 'mirrors rename <name> <new>',
  summary: 'give a mirror another name',
  example: 'mirrors rename films films-2026',
  call: onNode('mirrors.rename'),
  params: ({ dryRun }, [mirror, name]) => ({ mirror: mirror!, name: name!, dryRun }),
  text: ({ name }, { mirror, dryRun }) => `${mirror} ${dryRun ? 'would be' : 'is'} called ${name}`
})
