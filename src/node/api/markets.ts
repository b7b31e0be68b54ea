import { join } from 'node:path'
import * as v from 'valibot'
import { brokenNote, marketBroken } from '../../book/faults/fault.js'
import type { BrokenMarket } from '../../book/faults/fault.js'
import { forkNote } from '../../book/market.js'
import type { Market } from '../../book/market.js'
import { RULE_LIMITS } from '../../book/view/rules.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'
import { Books } from '../../book/books.js'
import { leaveMarket } from './leaving.js'
import { findMarket } from './market-names.js'
import { storedForks } from '../../book/forks.js'
import { readingStore } from '../home-store.js'
import type { NodeContext } from '../context.js'
import { notFound } from '../culprit.js'
import { callWithDryRun, dry, reading } from './definition/call.js'
import type { OfflineHome } from './definition/call.js'
import {
  fields,
  flag,
  key,
  listed,
  market,
  maybe,
  oneOf,
  orNull,
  said,
  text,
  whole
} from './definition/schema.js'

/** How long to look for the nodes of a market, ms. */
const WAIT_FOR_MARKET = 10_000
/** Longest wait while peers of the market are connected: some may be strangers that answer nothing, ms. */
const LONGEST_WAIT = 40_000

/** The market of a command: the named one, the one in use, or the only joined one. */
export function marketOf(node: NodeContext, named?: string): Market {
  const { markets } = node.books
  const wanted = named ?? (node.home.market && formatKey(node.home.market))
  if (wanted) {
    const found = findMarket([...markets, ...node.books.broken], wanted)
    if (found && 'reason' in found) throw marketBroken(found)
    if (found) return found
    throw new BushelError(
      'MARKET_NOT_FOUND',
      `market '${wanted}' is not joined`,
      'see the joined markets with: bushel market list; join one with: bushel market join KEY'
    )
  }
  if (markets.length === 1) return markets[0]!
  const [broken] = node.books.broken
  if (markets.length === 0 && broken) throw marketBroken(broken)
  if (markets.length === 0) {
    throw new BushelError('MARKET_NOT_FOUND', 'no market is joined', 'join one with: bushel market join KEY')
  }
  throw new BushelError(
    'WHICH_MARKET',
    `${markets.length} markets are joined, and none is in use`,
    'name one with --market NAME, or choose one with: bushel market use NAME'
  )
}

interface NewMarket {
  name: string
  rules?: v.InferOutput<typeof rules>
  dryRun?: boolean
}

async function createMarket(
  node: NodeContext,
  { name, rules, dryRun }: NewMarket
): Promise<{ key: string; name: string }> {
  if (node.books.markets.some(market => market.name === name)) {
    throw new BushelError(
      'MARKET_EXISTS',
      `a market named '${name}' is already joined`,
      'choose another name'
    )
  }
  if (dryRun) return { key: '', name }
  const market = await node.books.found(rules ? { name, rules } : { name })
  node.joinTopic(market.discoveryKey)
  return { key: formatKey(market.key), name: market.name }
}

/** Joins a market and waits for its rules, to detect a wrong key. */
async function joinMarket(
  node: NodeContext,
  text: string,
  dryRun = false
): Promise<{ key: string; name: string }> {
  const key = parseKey(text, 'market key')
  const known = node.books.get(key)
  const broken = node.books.brokenAt(key)
  if (dryRun) return { key: formatKey(key), name: (known ?? broken)?.name ?? '' }
  const market = known ?? (await node.books.join(key))
  if (!known) node.joinTopic(market.discoveryKey)
  let waited = 0
  do {
    await market.inStep({ timeoutMs: WAIT_FOR_MARKET })
    waited += WAIT_FOR_MARKET
  } while (!market.name && market.peers > 0 && waited < LONGEST_WAIT && !node.books.brokenAt(key))
  const again = node.books.brokenAt(key)
  if (again) throw marketBroken(again)
  if (!market.name) {
    if (!known && !broken) {
      await node.leaveTopic(market.discoveryKey)
      await node.books.leave(key)
    }
    const error = new BushelError(
      'MARKET_NOT_FOUND',
      `no node of market ${formatKey(key)} was found in ${waited / 1000} s`,
      known || broken
        ? 'the market is still joined; check the network (--bootstrap)'
        : 'nothing was joined; check the key and the network (--bootstrap), and try again'
    )
    throw notFound(error, node.network.reachability)
  }
  return { key: formatKey(key), name: market.name }
}

/** The markets of a node, and which of them commands mean by default. */
function marketEntries({ markets, broken }: Listed, used: Buffer | null): MarketEntry[] {
  const open = markets.map(market => ({
    key: formatKey(market.key),
    name: market.name,
    state: 'open' as const,
    role: market.role,
    used: markets.length === 1 || used?.equals(market.key) === true,
    warning: market.isForked ? forkNote(market.name || formatKey(market.key)) : ''
  }))
  const closed = broken.map(market => ({
    key: formatKey(market.key),
    name: market.name,
    state: 'broken' as const,
    role: null,
    used: used?.equals(market.key) === true,
    warning: brokenNote(market)
  }))
  return [...open, ...closed]
}

type Listed = { markets: readonly Market[]; broken: readonly BrokenMarket[] }

/** Must not be called while a node runs on the home: the books' store allows one process. */
async function readMarkets(home: OfflineHome): Promise<{ markets: MarketEntry[] }> {
  return readingStore(home.dir, async store => {
    const books = new Books({
      dir: join(home.dir, 'book'),
      device: home.device,
      forks: storedForks(store)
    })
    try {
      await books.ready()
      return { markets: marketEntries(books, home.market) }
    } finally {
      await books.close()
    }
  })
}

const entry = fields({
  key: key('its key'),
  name: said('its name'),
  state: oneOf(['open', 'broken'], 'broken: closed over what was written to it, until it is joined again'),
  role: orNull(
    v.picklist(['founder', 'relay', 'reader']),
    'founded here, admitted as a relay, or a reader; null: it is not open'
  ),
  used: flag('true: other calls mean it by default'),
  warning: said('what is wrong with it and what to do, for people; empty: nothing is known to be')
})

type MarketEntry = v.InferOutput<typeof entry>

const named = { key: said('key of the market; empty in a dry run of founding'), name: said('its name') }
const rule = ([least, most]: readonly [number, number], about: string) => maybe(whole(least, most, about))
const rules = fields({
  maxRecordBytes: rule(RULE_LIMITS.maxRecordBytes, 'largest signed order, bytes'),
  maxOrders: rule(RULE_LIMITS.maxOrders, 'orders on the book'),
  maxOrdersPerIdentity: rule(RULE_LIMITS.maxOrdersPerIdentity, 'orders of one identity'),
  maxLifetime: rule(RULE_LIMITS.maxLifetime, 'longest life of an order, ms'),
  stampBits: rule(RULE_LIMITS.stampBits, 'strength of the stamp of an order, bits'),
  tickInterval: rule(RULE_LIMITS.tickInterval, 'time between the ticks of the founder, ms'),
  tombstoneMargin: rule(
    RULE_LIMITS.tombstoneMargin,
    'how long a withdrawn order is remembered after its end, ms'
  )
})

export const MARKET_CALLS = {
  'market.create': callWithDryRun(
    {
      summary: 'founds a market, with this device as its first relay',
      params: {
        name: text(1, 64, 'its name'),
        rules: maybe(v.pipe(rules, v.description('rules that differ from the defaults')))
      },
      result: named,
      changes: true,
      needs: 'node'
    },
    async (node, params) => dry(params, await createMarket(node, params))
  ),
  'market.join': callWithDryRun(
    {
      summary: 'joins a market, once a node of it was found',
      params: { key: key('key of the market') },
      result: named,
      changes: true,
      needs: 'node'
    },
    async (node, params) => dry(params, await joinMarket(node, params.key, params.dryRun))
  ),
  'market.use': callWithDryRun(
    {
      summary: 'chooses the market that other calls use by default',
      params: { market: text(1, 64, 'name or key of the market') },
      result: named,
      changes: true,
      needs: 'node'
    },
    async (node, params) => {
      const found = marketOf(node, params.market)
      if (!params.dryRun) await node.home.useMarket(found.key)
      return dry(params, { key: formatKey(found.key), name: found.name })
    }
  ),
  'market.leave': callWithDryRun(
    {
      summary: 'leaves a market, also one that is broken; its orders are withdrawn where a relay can be told',
      params: { market: text(1, 64, 'name or key of the market') },
      result: {
        key: key('key of the market'),
        name: said('its name; may be empty'),
        withdrawn: whole(0, Number.MAX_SAFE_INTEGER, 'own orders that were withdrawn from its book'),
        unsaid: whole(
          0,
          Number.MAX_SAFE_INTEGER,
          'own orders that no relay could be told of: served no more, and on its book until they expire'
        )
      },
      changes: true,
      needs: 'home'
    },
    async (node, params) => dry(params, await leaveMarket(node, params.market, params.dryRun))
  ),
  'market.list': reading(
    { summary: 'lists the joined markets', result: { markets: listed(entry, 'the joined markets') } },
    {
      run: async node => ({ markets: marketEntries(node.books, node.home.market) }),
      offline: readMarkets
    }
  ),
  'market.admit': callWithDryRun(
    {
      summary: 'admits a device as a relay of a market that this node founded',
      params: { market, device: key('the device') },
      result: { device: key('the device'), market: key('key of the market') },
      changes: true,
      needs: 'node'
    },
    async (node, params) => {
      const found = marketOf(node, params.market)
      const device = parseKey(params.device, 'device key')
      if (!params.dryRun) await found.admit(device)
      return dry(params, { device: formatKey(device), market: formatKey(found.key) })
    }
  )
}
