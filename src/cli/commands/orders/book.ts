import { formatAmount } from '../../../../contracts/money/money.js'
import { MINUTE, formatSize, formatTime } from '../../../../contracts/money/quantity.js'
import { withNode } from '../../../daemon/access.js'
import { formatInUnits } from '../../../deal/price.js'
import type { Column, Unit } from '../../../deal/resource.js'
import type { BookResult, NodeCaller } from '../../../node/api/api.js'
import type { Action } from '../../invocation.js'
import { right, table } from '../../output/table.js'
import { watch } from '../../output/watch.js'
import { WATCH } from '../../input/shared-options.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'book [resource]',
  summary: 'show the order book of a resource (storage, compute): asks and bids, best first',
  example: 'book --watch',
  options: {
    ...WATCH
  },
  calls: ['book']
}

/** Prints the order book of a resource: asks and bids, best first, as the node says that they are shown. */
export const run: Action = async (invocation, [resource], options) => {
  const { access, context, market, output, signal } = invocation
  const params = {
    ...(market === undefined ? {} : { market }),
    ...(resource === undefined ? {} : { resource })
  }
  const read = (node: NodeCaller): Promise<BookResult> => node.call('book', params, context)
  const print = (book: BookResult): void =>
    output.print(book, () => [...head(book), '', ...side(book, 'asks'), '', ...side(book, 'bids')])
  await withNode(access, async node => {
    if (options.watch !== true) return print(await read(node))
    // The clock, and when sellers were seen, change all the time.
    const key = ({ tick: _tick, ...rest }: BookResult): string =>
      JSON.stringify(rest, (name, value: unknown) => (name === 'seen' ? undefined : value))
    await watch({ read: () => read(node), print, output, signal, key })
  })
}

function head({ name, market, viewHash, inStep, tick }: BookResult): string[] {
  const age = tick > 0 ? `, last tick ${formatTime(Math.max(0, Date.now() - tick))} ago` : ''
  return [
    `${name || 'market'}  ${market}`,
    `${inStep ? 'in step' : 'NOT in step: no node of the market answered in time'}${age}, view ${viewHash.slice(0, 16)}`
  ]
}

const NAMES = { asks: 'ASK', bids: 'BID' }

function side(book: BookResult, name: 'asks' | 'bids'): string[] {
  const orders = book[name]
  if (orders.length === 0) return [`no ${name}`]
  const columns = book.columns[name]
  const prices = book.prices.map(({ unit, times }) => ({ unit, times: BigInt(times) }))
  const sums = new Map<Column, number>()
  return table(
    [
      { title: NAMES[name] },
      { title: 'IDENTITY' },
      ...(name === 'asks' ? [{ title: 'SEEN' }] : []),
      right('PRICE'),
      ...columns.map(({ title, unit, to }, i) => ({
        title,
        ...(unit === 'text' || to !== undefined ? {} : { align: 'right' as const }),
        ...(unit === 'text' && i === columns.length - 1 ? { flexible: true } : {})
      }))
    ],
    orders.map(order => [
      order.id.slice(0, 8),
      order.identity.slice(0, 8),
      ...(name === 'asks' ? [seenText(order.seen)] : []),
      formatInUnits(prices, BigInt(order.price)),
      ...columns.map(column => cell(column, order, sums))
    ])
  )
}

/** How long ago a relay last saw the seller, as it says. */
function seenText(seen: number | undefined): string {
  if (seen === undefined) return '-'
  const ago = Date.now() - seen
  return ago < MINUTE ? 'now' : formatTime(ago)
}

function cell(column: Column, order: BookResult['asks'][number], sums: Map<Column, number>): string {
  const { field, unit, to, running } = column
  const value = order[field] ?? ''
  if (to !== undefined) return `${shown(unit, value)}-${shown(unit, order[to] ?? '')}`
  if (!running) return shown(unit, value)
  const sum = (sums.get(column) ?? 0) + Number(value)
  sums.set(column, sum)
  return shown(unit, sum)
}

function shown(unit: Unit, value: string | number): string {
  if (unit === 'size') return formatSize(Number(value))
  if (unit === 'time') return formatTime(Number(value))
  return unit === 'amount' ? formatAmount(BigInt(value)) : String(value)
}
