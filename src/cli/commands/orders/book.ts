import { formatFuelPrice } from '../../../../contracts/job.js'
import { formatAmount, formatPrice } from '../../../../contracts/money/money.js'
import { formatSize, formatTime } from '../../../../contracts/money/quantity.js'
import { withNode } from '../../../daemon/access.js'
import type { BookOf, BookResult, ComputeBook, NodeCaller } from '../../../node/api/api.js'
import type { Action, Invocation } from '../../invocation.js'
import { right, table } from '../../output/table.js'
import type { Column } from '../../output/table.js'
import { watch } from '../../output/watch.js'

const REGION: Column = { title: 'REGION', flexible: true }
const STORAGE_ASK = [right('SPACE'), right('DEPTH'), { title: 'TIME' }, REGION]
const STORAGE_BID = [right('SIZE'), right('DEPTH'), { title: 'TIME' }]
const COMPUTE_ASK = [right('BASE'), right('CORES'), right('MEMORY'), { title: 'SANDBOX' }, REGION]
const COMPUTE_BID = [right('AT MOST'), right('PROVIDERS'), right('MEMORY')]

/** Prints the order book: asks and bids, best first. */
export const run: Action = async (invocation, [resource], options) => {
  const params = invocation.market === undefined ? {} : { market: invocation.market }
  const { context } = invocation
  const watching = options.watch === true
  if (resource === 'compute') {
    const read = (node: NodeCaller): Promise<ComputeBook> => node.call('book.compute', params, context)
    return await show(invocation, watching, read, computePage)
  }
  const read = (node: NodeCaller): Promise<BookResult> =>
    node.call('book', { ...params, resource: 'storage' }, context)
  await show(invocation, watching, read, storagePage)
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

function storagePage({ asks, bids }: BookResult): string[] {
  let offered = 0
  let wanted = 0
  return [
    ...ordersOf('ask', asks, formatPrice, STORAGE_ASK, ask => [
      formatSize(ask.space),
      formatSize((offered += ask.space)),
      `${formatTime(ask.minTime)}-${formatTime(ask.maxTime)}`,
      ask.region
    ]),
    '',
    ...ordersOf('bid', bids, formatPrice, STORAGE_BID, bid => [
      `${bid.copies} x ${formatSize(bid.bytes)}`,
      formatSize((wanted += bid.bytes * bid.copies)),
      formatTime(bid.time)
    ])
  ]
}

function computePage({ asks, bids }: ComputeBook): string[] {
  return [
    ...ordersOf('ask', asks, formatFuelPrice, COMPUTE_ASK, ask => [
      formatAmount(BigInt(ask.baseMsat)),
      String(ask.cores),
      formatSize(ask.memory),
      ask.isolation,
      ask.region
    ]),
    '',
    ...ordersOf('bid', bids, formatFuelPrice, COMPUTE_BID, bid => [
      formatAmount(BigInt(bid.maxMsat)),
      String(bid.providers),
      formatSize(bid.memory)
    ])
  ]
}

/** A table of the orders of one side: the columns that all orders have, then those of the resource. */
function ordersOf<O extends { id: string; identity: string; price: string }>(
  side: 'ask' | 'bid',
  orders: O[],
  formatted: (price: bigint) => string,
  columns: Column[],
  cells: (order: O) => string[]
): string[] {
  if (orders.length === 0) return [`no ${side}s`]
  return table(
    [{ title: side.toUpperCase() }, { title: 'IDENTITY' }, right('PRICE'), ...columns],
    orders.map(order => [
      order.id.slice(0, 8),
      order.identity.slice(0, 8),
      formatted(BigInt(order.price)),
      ...cells(order)
    ])
  )
}
