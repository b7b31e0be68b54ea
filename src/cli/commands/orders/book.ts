import { formatFuelPrice } from '../../../../contracts/job.js'
import { formatAmount, formatPrice } from '../../../../contracts/money/money.js'
import { formatSize, formatTime } from '../../../../contracts/money/quantity.js'
import { withNode } from '../../../daemon/access.js'
import type { BookOf, BookResult, ComputeBook, NodeCaller } from '../../../node/api/api.js'
import type { Action, Invocation } from '../../invocation.js'
import { table } from '../../output/table.js'
import { watch } from '../../output/watch.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'book',
  summary: 'show the order book: asks and bids, best first',
  example: 'book --watch',
  argument: { name: '[resource]', help: 'resource', choices: ['storage', 'compute'], default: 'storage' },
  options: {
    '--watch': 'print it again whenever it changes'
  },
  calls: ['book', 'book.compute']
}

/** Prints the order book: asks and bids, best first. */
export const run: Action = async (invocation, [resource], options) => {
  const params = invocation.market === undefined ? {} : { market: invocation.market }
  const { context } = invocation
  const watching = options.watch === true
  if (resource === 'compute') {
    const read = (node: NodeCaller): Promise<ComputeBook> => node.call('book.compute', params, context)
    return await show(invocation, watching, read, computePage)
  }
  const read = (node: NodeCaller): Promise<BookResult> => node.call('book', params, context)
  await show(invocation, watching, read, book => [...asks(book), '', ...bids(book)])
}

async function show<B extends BookOf<unknown, unknown>>(
  { access, output, signal }: Invocation,
  watching: boolean,
  read: (node: NodeCaller) => Promise<B>,
  page: (book: B) => string[]
): Promise<void> {
  const print = (book: B): void => output.print(book, () => [...head(book), '', ...page(book)])
  await withNode(access, async node => {
    if (!watching) return print(await read(node))
    const key = ({ tick: _tick, ...rest }: B): string => JSON.stringify(rest)
    await watch({ read: () => read(node), print, output, signal, key })
  })
}

function head({ name, market, viewHash, inStep, tick }: BookOf<unknown, unknown>): string[] {
  const age = tick > 0 ? `, last tick ${formatTime(Math.max(0, Date.now() - tick))} ago` : ''
  return [
    `${name || 'market'}  ${market}`,
    `${inStep ? 'in step' : 'NOT in step: no node of the market answered in time'}${age}, view ${viewHash.slice(0, 16)}`
  ]
}

function computePage({ asks, bids }: ComputeBook): string[] {
  return [...computeAsks(asks), '', ...computeBids(bids)]
}

function computeAsks(asks: ComputeBook['asks']): string[] {
  if (asks.length === 0) return ['no asks']
  return table(
    [
      { title: 'ASK' },
      { title: 'IDENTITY' },
      { title: 'PRICE', align: 'right' },
      { title: 'BASE', align: 'right' },
      { title: 'CORES', align: 'right' },
      { title: 'MEMORY', align: 'right' },
      { title: 'SANDBOX' },
      { title: 'REGION', flexible: true }
    ],
    asks.map(ask => [
      ask.id.slice(0, 8),
      ask.identity.slice(0, 8),
      formatFuelPrice(BigInt(ask.price)),
      formatAmount(BigInt(ask.baseMsat)),
      String(ask.cores),
      formatSize(ask.memory),
      ask.isolation,
      ask.region
    ])
  )
}

function computeBids(bids: ComputeBook['bids']): string[] {
  if (bids.length === 0) return ['no bids']
  return table(
    [
      { title: 'BID' },
      { title: 'IDENTITY' },
      { title: 'PRICE', align: 'right' },
      { title: 'AT MOST', align: 'right' },
      { title: 'PROVIDERS', align: 'right' },
      { title: 'MEMORY', align: 'right' }
    ],
    bids.map(bid => [
      bid.id.slice(0, 8),
      bid.identity.slice(0, 8),
      formatFuelPrice(BigInt(bid.price)),
      formatAmount(BigInt(bid.maxMsat)),
      String(bid.providers),
      formatSize(bid.memory)
    ])
  )
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
      { title: 'IDENTITY' },
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
      { title: 'IDENTITY' },
      { title: 'PRICE', align: 'right' },
      { title: 'SIZE', align: 'right' },
      { title: 'DEPTH', align: 'right' },
      { title: 'TIME' }
    ],
    rows
  )
}
