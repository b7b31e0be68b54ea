import { BushelError } from '../../../../contracts/errors/error.js'
import { parsePrice } from '../../../../contracts/money/money.js'
import { given, parsed } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'

/** Turns on or off that a mirror is extended by itself. */
export const { syntax, run } = oneCall({
  usage: 'mirrors renew <name> <on|off>',
  summary: 'turn on or off that a mirror is extended by itself before it ends',
  example: 'mirrors renew films on --max-price "30 sat/GiB-month"',
  options: {
    '--max-price <price>': 'highest price to go on at (default: twice the dearest that it has now)'
  },
  call: onNode('mirrors.renew'),
  params: ({ dryRun }, [mirror, on], options) => ({
    mirror: mirror!,
    on: isOn(on!),
    ...given({ maxPrice: parsed(options, 'maxPrice', parsePrice)?.toString() }),
    dryRun
  }),
  text: ({ name, renew }, { dryRun }) =>
    `${name} ${dryRun ? 'would be' : 'is'} ${renew ? 'extended by itself, as long as this node is up' : 'not extended by itself'}`
})

function isOn(text: string): boolean {
  if (text !== 'on' && text !== 'off')
    throw new BushelError('BAD_INPUT', `'${text}' is neither on nor off`, 'say: mirrors renew NAME on')
  return text === 'on'
}
