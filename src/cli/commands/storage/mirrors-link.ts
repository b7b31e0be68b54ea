import { oneCall, onNode } from '../../one-call.js'

/** Prints the link of a mirror. */
export const { syntax, run } = oneCall({
  usage: 'mirrors link <name>',
  summary: 'print the link of a mirror, with which everything of it can be read',
  example: 'mirrors link films',
  call: onNode('mirrors.show'),
  params: (_invocation, [mirror]) => ({ mirror: mirror! }),
  text: ({ link }) => link
})
