import type { Up, World } from '../../../test/world/world.js'
import { median } from '../../figure.js'
import type { Figure } from '../../figure.js'
import { Actor, inWorld } from '../../stage.js'
import type { AttackKind, AttackOrder, Attacking } from '../attackers/attacker.js'
import type { Target } from '../attackers/ground.js'
import { bootstrapOf } from '../connections.js'
import { HonestBuyer } from './honest-buyer.js'
import type { DealsMade } from './honest-buyer.js'
import { levels } from './levels.js'
import type { Phase } from './levels.js'
import { Watch } from './watch.js'

export interface SoakOptions {
  minutes: number
  without: AttackKind[]
  /** Ends it early, with the figures so far. */
  stopped: AbortSignal
  say: (what: string) => void
}

/** What each process of attackers does, with how many strangers at the same time. */
const ATTACKERS: { kinds: AttackKind[]; count: number; relayOnly?: true }[] = [
  { kinds: ['idle', 'channels', 'frames', 'hugeFrames', 'pending', 'moreChannels'], count: 120 },
  { kinds: ['cores', 'unread', 'garbage'], count: 16 },
  { kinds: ['leases', 'jobs', 'references', 'requests', 'unreadQuotes'], count: 8 },
  { kinds: ['asks', 'records'], count: 4, relayOnly: true }
]
export const KINDS: AttackKind[] = ATTACKERS.flatMap(({ kinds }) => kinds)

const NICE = 19
const AGAIN_MS = 1000
const STAY_MS = 20_000
const LEAST_DEALS = 3
const LOOKS = 120
const MOST_TIMES = 2
const SELL_COMPUTE = ['sell', 'compute', '--cores', '1', '--memory', '1GiB', '--allow-process']

/** Everything at once against a small market, beside an honest buyer. */
export async function strangersSoak({ minutes, without, stopped, say }: SoakOptions): Promise<Figure[]> {
  return inWorld(async world => {
    const { nodes, targets } = await market(world)
    const buyer = await HonestBuyer.open(world)
    await buyer.buy({ isOver: () => true, least: 1, stopped, say }) // it makes the channels of the payments

    const everyMs = (minutes * 60_000) / LOOKS
    say('an equal load on nobody')
    const idle = await phase(nodes, everyMs, say, async () => {
      const busy = ATTACKERS.map(() => new Actor('strangers/soak/busy', { nice: NICE }))
      return ending(busy, () => buyer.buy({ isOver: over(minutes / 6), least: LEAST_DEALS, stopped, say }))
    })

    say(`everything at once, for ${minutes} min`)
    const attacked = await phase(nodes, everyMs, say, async () => {
      const attackers = ATTACKERS.map(({ kinds, count, relayOnly }) => {
        const order: AttackOrder = {
          bootstrap: [bootstrapOf(world)],
          targets: targets.filter(({ isRelay }) => isRelay || !relayOnly),
          folder: world.at(),
          kinds: kinds.filter(kind => !without.includes(kind)),
          count,
          againMs: AGAIN_MS,
          stayMs: STAY_MS,
          nice: NICE
        }
        return order.kinds.length > 0 ? [new Actor('strangers/attackers/attacker', order)] : []
      }).flat()
      return ending(attackers, async () => {
        for (const attacker of attackers) await attacker.hear()
        const made = await buyer.buy({ isOver: over(minutes), least: LEAST_DEALS, stopped, say })
        for (const attacker of attackers) say(JSON.stringify(await heardOf(attacker)))
        return made
      })
    })
    return [...deals(idle.made, attacked.made), ...levels(idle, attacked, minutes)]
  })
}

async function phase(
  nodes: { up: Up; home: string }[],
  everyMs: number,
  say: SoakOptions['say'],
  work: () => Promise<DealsMade>
): Promise<Phase> {
  const watch = new Watch(nodes, everyMs, say)
  await watch.look()
  const made = await work()
  await watch.end()
  return { made, watch }
}

function deals(idle: DealsMade, attacked: DealsMade): Figure[] {
  const all = attacked.seconds.length + attacked.errors.length
  const steps = (['mirror', 'restore', 'run'] as const).map(
    step => `${step} ${median(attacked.steps[step]).toFixed(1)} and ${median(idle.steps[step]).toFixed(1)} s`
  )
  return [
    {
      name: 'a deal beside the attacks, median',
      measured: attacked.seconds.length > 0 ? median(attacked.seconds) : Infinity,
      unit: 's',
      baseline: { name: 'the same beside an equal load on nobody', value: median(idle.seconds) },
      target: { atMost: MOST_TIMES },
      note: `${steps.join(', ')}; ${attacked.seconds.length} and ${idle.seconds.length} deals`
    },
    {
      name: 'deals that failed',
      measured: attacked.errors.length,
      unit: 'deals',
      target: { atMost: 0 },
      note: `of ${all}; ${idle.errors.length} beside the load on nobody`
    }
  ]
}

async function market(world: World): Promise<{ nodes: { up: Up; home: string }[]; targets: Target[] }> {
  const founder = await world.join('founder')
  const { key: market } = await world.ok<{ key: string }>('founder', ['market', 'create', '--name', 'main'])
  const targets: Target[] = [{ device: founder.device, market, isRelay: true }]
  const ups = [founder]
  for (const name of ['one', 'two']) {
    const { ask, ...up } = await world.seller(name, market, '2000 sat/GiB-month', '--space', '8GiB')
    const job = await world.ok<{ id: string; isolation: string }>(name, [
      ...SELL_COMPUTE,
      '--price',
      '40 sat/Gfuel'
    ])
    targets.push({ device: up.device, market, isRelay: false, ask, jobAsk: job.id, isolation: job.isolation })
    ups.push(up)
  }
  const buyer = await world.join('buyer', market)
  targets.push({ device: buyer.device, market, isRelay: false })
  ups.push(buyer)
  await world.book('buyer', ({ asks }) => asks.length === 2)
  await world.book('buyer', ({ asks }) => asks.length === 2, 'compute')
  return { nodes: ups.map(up => ({ up, home: world.at(up.name) })), targets }
}

/** Whether so many minutes have passed. */
function over(minutes: number): () => boolean {
  const end = performance.now() + minutes * 60_000
  return () => performance.now() > end
}

async function ending<T>(actors: Actor[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    for (const actor of actors) await actor.end()
  }
}

function heardOf(attacker: Actor): Promise<Attacking> {
  attacker.tell({})
  return attacker.hear<Attacking>()
}
