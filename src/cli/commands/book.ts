import { formatPrice } from '../../../contracts/money.js'
import { formatSize, formatTime } from '../../../contracts/quantity.js'
import { withNode } from '../../daemon/access.js'
import type { BookResult } from '../../node/api.js'
import type { Action } from '../invocation.js'
import { table } from '../table.js'
import { watch } from '../watch.js'

/** The order book: asks and bids, best first, with depth. */
export const run: Action = async ({ place, market, output, signal, context }, _positional, options) => {
  const params = { ...(market === undefined ? {} : { market }), resource: 'storage' as const }
  await withNode(place, async node => {
    const read = (): Promise<BookResult> => node.call('book', params, context)
    const print = (result: BookResult): void => output.print(result, () => page(result))
    if (options.watch !== true) return print(await read())
    await watch({ read, print, output, signal, unless: ({ tick: _tick, ...rest }) => JSON.stringify(rest) })
  })
}

function page(book: BookResult): string[] {
  const { name, market, viewHash, inStep, tick } = book
  const age = tick > 0 ? `, last tick ${formatTime(Math.max(0, Date.now() - tick))} ago` : ''
  return [
    `${name || 'market'}  ${market}`,
    `${inStep ? 'in step' : 'NOT in step: nobody of the market answered in time'}${age}, view ${viewHash.slice(0, 16)}`,
    '',
    ...asks(book),
    '',
    ...bids(book)
  ]
}

function asks({ asks }: BookResult): string[] {
  if (asks.length === 0) return ['no asks']
  let depth = 0
  const rows = asks.map(ask => {
    depth += ask.space
    const time = `${formatTime(ask.minTime)}-${formatTime(ask.maxTime)}`
    const price = formatPrice(BigInt(ask.price))
    return [
      ask.id.slice(0, 8),
      ask.identity.slice(0, 8),
      price,
      formatSize(ask.space),
      formatSize(depth),
      time,
      ask.region
    ]
  })
  return table(
    [
      { title: 'ASK' },
      { title: 'SELLER' },
      { title: 'PRICE', align: 'right' },
      { title: 'SPACE', align: 'right' },
      { title: 'DEPTH', align: 'right' },
      { title: 'TIME' },
      { title: 'REGION', flexible: true }
    ],
    rows
  )
}

function bids({ bids }: BookResult): string[] {
  if (bids.length === 0) return ['no bids']
  let depth = 0
  const rows = bids.map(bid => {
    depth += bid.bytes * bid.copies
    const price = formatPrice(BigInt(bid.price))
    const size = `${bid.copies} x ${formatSize(bid.bytes)}`
    return [
      bid.id.slice(0, 8),
      bid.identity.slice(0, 8),
      price,
      size,
      formatSize(depth),
      formatTime(bid.time)
    ]
  })
  return table(
    [
      { title: 'BID' },
      { title: 'BUYER' },
      { title: 'PRICE', align: 'right' },
      { title: 'SIZE', align: 'right' },
      { title: 'DEPTH', align: 'right' },
      { title: 'TIME' }
    ],
    rows
  )
}
