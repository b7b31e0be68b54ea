import type { Figure } from '../../figure.js'
import { Actor, inWorld } from '../../stage.js'
import { Attack, NICE, PROCESSES, foundOut, processorOfAll } from './attack.js'
import { deals } from './deals.js'
import { HonestBuyer, noDeals } from './honest-buyer.js'
import type { DealsMade } from './honest-buyer.js'
import { levels } from './levels.js'
import type { Phase } from './levels.js'
import { openMarket, orderTime } from './market.js'
import type { Scene } from './market.js'
import type { ReportFile } from './report-file.js'
import { Watch } from './watch.js'

export interface SoakOptions {
  minutes: number
  without: readonly string[]
  /** Ends it early, with the figures so far. */
  stopped: AbortSignal
  report: ReportFile
}

const LEAST_DEALS = 3
const LOOKS = 120
const LEAST_LOOK_MS = 2000
/** Looks between two tables of figures in the report. */
const TABLE_EVERY = 12

/** Everything at once against a small market, beside an honest buyer. */
export async function strangersSoak(options: SoakOptions): Promise<Figure[]> {
  const { minutes, without, report } = options
  return inWorld(async world => {
    const scene = await openMarket(world)
    const soak = new Soak(scene, await HonestBuyer.open(world), options)
    await soak.warm()

    report.say('an equal load on nobody')
    const busy = Array.from({ length: PROCESSES }, () => new Actor('strangers/soak/busy', { nice: NICE }))
    const begun = performance.now()
    const idle = await ending(
      () => Promise.all(busy.map(actor => actor.end())),
      async () => {
        const phase = await soak.phase(minutes / 6, () => undefined)
        return { ...phase, order: await orderTime(world), load: processorOfAll(busy, begun) }
      }
    )

    report.say(`everything at once, for ${minutes} min`)
    const attack = await Attack.begin(scene, options)
    return ending(
      () => attack.end(),
      async () => {
        let harm: string[] = []
        const figuresOf = (phase: Phase): Figure[] => [
          ...deals(idle.made, phase.made),
          ...levels(idle, phase, minutes)
        ]
        const phase = await soak.phase(minutes, async (sofar, looks) => {
          if (looks % TABLE_EVERY !== 0) return
          harm = await attack.tell()
          report.figures('so far', figuresOf(sofar))
        })
        const load = attack.processor
        harm = await attack.tell()
        const order = await orderTime(world)
        return [
          ...figuresOf(phase),
          ...others({ harm, ended: soak.ended, order, load }, idle),
          ...(without.includes('market') ? [] : [twoViews(await foundOut(world))])
        ]
      }
    )
  })
}

class Soak {
  /** Nodes that have ended. */
  readonly ended: string[] = []
  readonly #scene: Scene
  readonly #buyer: HonestBuyer
  readonly #options: SoakOptions
  readonly #over = new AbortController()

  constructor(scene: Scene, buyer: HonestBuyer, options: SoakOptions) {
    this.#scene = scene
    this.#buyer = buyer
    this.#options = options
  }

  /** A first deal, which makes the channels of the payments. */
  async warm(): Promise<void> {
    const made = noDeals()
    const { stopped, report } = this.#options
    await this.#buyer.buy({ made, at: () => 0, isOver: () => true, least: 1, stopped, report })
    if (made.errors[0]) throw new Error(`the first deal failed: ${made.errors[0]}`)
  }

  /** Deals of the honest for so many minutes; `onlook` is told of what there is so far. */
  async phase(
    minutes: number,
    onlook: (sofar: Phase, looks: number) => Promise<void> | void
  ): Promise<Phase> {
    const { stopped, report, minutes: whole } = this.#options
    const made: DealsMade = noDeals()
    let looks = 0
    let working: Promise<void> | void = undefined
    const watch = await Watch.begin({
      nodes: this.#scene.nodes,
      everyMs: Math.max((whole * 60_000) / LOOKS, LEAST_LOOK_MS),
      onlook: said => {
        report.note(said)
        // The first look is over before there is anything to tell.
        if (looks++ > 0) working = onlook({ made, uses: watch.uses }, looks)
      },
      onended: what => {
        report.say(what)
        this.ended.push(what)
        this.#over.abort()
      }
    })
    await this.#buyer.buy({
      ...{ made, report, least: LEAST_DEALS, at: () => watch.at },
      isOver: () => watch.at > minutes * 60,
      stopped: AbortSignal.any([stopped, this.#over.signal])
    })
    await watch.end()
    await working
    return { made, uses: watch.uses }
  }
}

interface Rest {
  order: number
  load: number
}

function others(
  { harm, ended, order, load }: Rest & { harm: string[]; ended: string[] },
  idle: Rest
): Figure[] {
  return [
    {
      name: 'an honest order, until another node has it on its book',
      measured: order,
      unit: 's',
      baseline: { name: 'the same beside the load on nobody', value: idle.order },
      note: 'a relay of the market withholds'
    },
    {
      name: 'attacks that did harm',
      measured: harm.length,
      unit: 'times',
      target: { atMost: 0 },
      ...(harm.length > 0 ? { note: harm.join('; ') } : {})
    },
    {
      name: 'nodes that ended',
      measured: ended.length,
      unit: 'nodes',
      target: { atMost: 0 },
      ...(ended.length > 0 ? { note: ended.join('; ') } : {})
    },
    {
      name: 'processor of all attackers',
      measured: load,
      unit: '%',
      baseline: { name: 'of the load on nobody', value: idle.load },
      note: `${PROCESSES} processes, niced to ${NICE}`
    }
  ]
}

function twoViews({ found, of }: { found: number; of: number }): Figure {
  return {
    name: 'nodes that found out that a founder shows two views',
    measured: found,
    unit: 'nodes',
    target: { atLeast: of }
  }
}

async function ending<T>(end: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    await end()
  }
}
