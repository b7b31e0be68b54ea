import { parseFuelPrice } from '../../../contracts/job.js'
import { parsePrice } from '../../../contracts/money/money.js'
import type { World } from '../../../test/world/world.js'
import { Actor } from '../../stage.js'
import type { AttackKind, AttackOrder } from '../attackers/attacker.js'
import type { Told } from '../attackers/doings.js'
import type { SellersOrder } from '../attackers/failing-sellers.js'
import type { MarketRoguesOrder, MarketRoguesReady } from '../attackers/market-rogues.js'
import type { ReplayOrder } from '../attackers/replays.js'
import { bootstrapOf } from '../connections.js'
import { processorOf } from '../process-use.js'
import { COMPUTE_PRICE, STORAGE_PRICE } from './market.js'
import type { Scene } from './market.js'
import type { ReportFile } from './report-file.js'

/** What each process of strangers does, with how many of them at the same time. */
const STRANGERS: { kinds: AttackKind[]; count: number; relayOnly?: true }[] = [
  { kinds: ['idle', 'channels', 'frames', 'hugeFrames', 'pending', 'moreChannels'], count: 120 },
  {
    kinds: ['cores', 'unread', 'garbage', 'leases', 'jobs', 'references', 'requests', 'unreadQuotes'],
    count: 24
  },
  { kinds: ['asks', 'silent', 'records', 'silent'], count: 12, relayOnly: true }
]
/** Each is a process of its own: two cores have little room for more. */
const OTHERS = ['fakes', 'sellers', 'replays', 'market'] as const
export const KINDS: readonly string[] = [...new Set([...STRANGERS.flatMap(({ kinds }) => kinds), ...OTHERS])]
/** Processes of the attack, but for the wallets of those that have one, and the fakes, which end before it. */
export const PROCESSES = STRANGERS.length + OTHERS.length - 1

/** How long a process of attackers may take to begin, ms: most of it goes to the stamps of fakes. */
const BEGIN_MS = 10 * 60_000
const MARKET_ROGUES = 'rogues of markets'
export const NICE = 19
const AGAIN_MS = 1000
const STAY_MS = 20_000
const SELLER_EVERY_MS = 25_000
const REPLAY_EVERY_MS = 5_000
/** Fake asks that are on the book before the attack begins, of each resource: fewer in a short run, as each costs a stamp. */
const MOST_FAKES = 1500
const FAKES_A_MINUTE = 200
/** Bits that the default rules ask for. */
const STAMP_BITS = 12

export interface AttackOptions {
  without: readonly string[]
  minutes: number
  report: ReportFile
}

/** The processes of attackers against a market. */
export class Attack {
  readonly #begun = performance.now()
  readonly #actors: Map<string, Actor>
  readonly #report: ReportFile

  private constructor(actors: Map<string, Actor>, report: ReportFile) {
    this.#actors = actors
    this.#report = report
  }

  static async begin(scene: Scene, { without, report, minutes }: AttackOptions): Promise<Attack> {
    const { world, market, targets } = scene
    const actors = new Map<string, Actor>()
    const attack = new Attack(actors, report)
    const common = { bootstrap: [bootstrapOf(world)], folder: world.at(), nice: NICE }
    const strangers = {
      ...{ ...common, targets, kinds: [], count: 0, againMs: AGAIN_MS, stayMs: STAY_MS }
    } satisfies AttackOrder
    const isWanted = (kind: string): boolean => !without.includes(kind)
    if (isWanted('fakes'))
      await attack.#fake(strangers, Math.ceil(Math.min(MOST_FAKES, FAKES_A_MINUTE * minutes)))
    if (isWanted('sellers')) {
      const order: SellersOrder = {
        ...{ ...common, market, everyMs: SELLER_EVERY_MS },
        storagePrice: String(parsePrice(STORAGE_PRICE) / 2n),
        computePrice: String(parseFuelPrice(COMPUTE_PRICE) / 2n)
      }
      actors.set('sellers that fail', new Actor('strangers/attackers/failing-sellers', order))
    }
    if (isWanted('replays')) {
      const price = String(parsePrice(STORAGE_PRICE))
      const offers = targets.flatMap(({ device, ask }) => (ask ? [{ market, device, id: ask, price }] : []))
      const order: ReplayOrder = { ...common, offers, everyMs: REPLAY_EVERY_MS }
      actors.set('replays', new Actor('strangers/attackers/replays', order))
    }
    if (isWanted('market')) await attack.#rogueMarket(scene, { ...common, market })
    // These leave others little room to get in.
    for (const { kinds, count, relayOnly } of STRANGERS) {
      const order: AttackOrder = {
        ...{ ...strangers, count, kinds: kinds.filter(isWanted) },
        targets: targets.filter(({ isRelay }) => isRelay || !relayOnly)
      }
      if (order.kinds.length > 0)
        actors.set(order.kinds.join(', '), new Actor('strangers/attackers/attacker', order))
    }
    for (const [name, actor] of actors) if (name !== MARKET_ROGUES) await heard(actor, name)
    return attack
  }

  /** Fills the book with the cheapest offers of nobody. */
  async #fake(strangers: AttackOrder, count: number): Promise<void> {
    const actor = new Actor('strangers/attackers/attacker', {
      ...strangers,
      nice: 0,
      fakeAsks: { count, resources: ['storage', 'compute'], bits: STAMP_BITS }
    } satisfies AttackOrder)
    try {
      const { failed } = await heard<{ failed?: string }>(actor, 'fakes')
      if (failed) throw new Error(failed)
    } finally {
      await actor.end()
    }
    this.#report.say(`${2 * count} fake asks are on the book`)
  }

  /** A relay that withholds, and a second market whose founder shows two views. */
  async #rogueMarket({ world, targets }: Scene, common: Omit<MarketRoguesOrder, 'shownTo'>): Promise<void> {
    const order: MarketRoguesOrder = { ...common, shownTo: targets.map(({ device }) => device) }
    const actor = new Actor('strangers/attackers/market-rogues', order)
    this.#actors.set(MARKET_ROGUES, actor)
    const { device, twoViews } = await heard<MarketRoguesReady>(actor, MARKET_ROGUES)
    await world.ok('founder', ['market', 'admit', device])
    await Promise.all(JOINERS.map(name => join(world, name, twoViews)))
    this.#report.say('a relay that withholds is admitted, and a market of two views is joined')
  }

  /** What each process did so far, to the report; gives the harm that was done. */
  async tell(): Promise<string[]> {
    const harm: string[] = []
    for (const [name, actor] of this.#actors) {
      try {
        actor.tell({})
        const told = await actor.hear<Told>()
        harm.push(...told.harm)
        this.#report.note(`${name}: ${JSON.stringify(told)}`)
      } catch (error) {
        harm.push(`the attackers are fewer: ${name}: ${String(error)}`)
      }
    }
    return harm
  }

  /** Part of one processor that all attackers took, %. */
  get processor(): number {
    return processorOfAll([...this.#actors.values()], this.#begun)
  }

  async end(): Promise<void> {
    for (const actor of this.#actors.values()) await actor.end()
  }
}

/** What a process says when it has begun. One that does not begin must not hold up a run that nobody watches. */
async function heard<T>(actor: Actor, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`these attackers do not begin: ${name}`)), BEGIN_MS)
  })
  return Promise.race([actor.hear<T>(), late]).finally(() => clearTimeout(timer))
}

export function processorOfAll(actors: readonly Actor[], begun: number): number {
  const seconds = actors.reduce((sum, { pid, isRunning }) => sum + (isRunning ? processorOf(pid) : 0), 0)
  return (100 * seconds) / ((performance.now() - begun) / 1000)
}

const JOINERS = ['founder', 'one', 'buyer']

/** Joins a market that is not there for everybody all the time. */
async function join(world: World, name: string, market: string): Promise<void> {
  let why = ''
  for (let tries = 0; tries < 6; tries++) {
    const { code, result, stderr } = await world.run(name, ['market', 'join', market])
    if (code === 0) return
    why = stderr || JSON.stringify(result)
  }
  throw new Error(`${name} could not join the market of two views: ${why}`)
}

/** Of the nodes that joined it, those that found out that its founder shows two views. */
export async function foundOut(world: World): Promise<{ found: number; of: number }> {
  let found = 0
  for (const name of JOINERS) {
    const { markets } = await world.ok<{ markets: { warning?: string }[] }>(name, ['market', 'list'])
    if (markets.some(({ warning }) => warning)) found++
  }
  return { found, of: JOINERS.length }
}
