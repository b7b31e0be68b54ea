import { join } from 'node:path'
import { GIB } from '../../../contracts/money/quantity.js'
import type { Address } from '../../../src/network/network.js'
import type { BushelNode } from '../../../src/node/node.js'
import { neverAnswer } from '../../../test/parts/peers/lies.js'
import { RogueGroup, quiet } from '../../../test/parts/peers/rogues.js'
import { WAYS, answerWithFaults } from '../../../test/parts/peers/wire-faults.js'
import type { WireFault } from '../../../test/parts/peers/wire-faults.js'
import { answer } from '../../stage.js'
import { Doings } from './doings.js'
import { delay } from './ground.js'

// The cheapest sellers of a market, each of which fails in another way at another step.

export interface SellersOrder {
  bootstrap: Address[]
  folder: string
  market: string
  /** Below those of the honest: msat per TiB and 30 days, and per Tfuel. */
  storagePrice: string
  computePrice: string
  everyMs: number
  nice: number
}

const STORAGE_STEPS = ['hello', 'quote', 'agree', 'strip', 'paid', 'progress', 'seal', 'audit', 'counter']
const COMPUTE_STEPS = ['quote', 'agree', 'paid', 'jobProgress', 'jobReveal', 'jobFinal', 'jobKey']
const FAULTS = new Map<string, WireFault>([
  ...Object.entries(WAYS).map(([way, { fault }]): [string, WireFault] => [way, fault]),
  ['does not answer', neverAnswer]
])
/** After so many sellers of storage comes one of compute, which is a whole node. */
const COMPUTE_EVERY = 4
/** Of storage, that stand at the same time; the others have gone and left their asks behind. */
const MOST = 6

const doings = new Doings<SellersOrder>()
const { bootstrap, folder, market, storagePrice, computePrice, everyMs } = doings.order
let group = await openGroup(0)
let computing: BushelNode | null = null

/** Tries until the market lets it in, which others attack at the same time. */
async function openGroup(round: number): Promise<RogueGroup> {
  for (let tries = 0; ; tries++) {
    try {
      return await RogueGroup.open({ dir: join(folder, `failing-${round}-${tries}`), bootstrap, market })
    } catch (error) {
      doings.goOn(error)
      await delay(1000)
    }
  }
}

/** Every way at every step in turn. */
function caseOf(steps: readonly string[], i: number): { step: string; way: string } {
  const ways = [...FAULTS.keys()]
  const step = steps[i % steps.length]!
  return { step, way: ways[(i + Math.floor(i / steps.length)) % ways.length]! }
}

async function sellStorage(i: number): Promise<void> {
  const { step, way } = caseOf(STORAGE_STEPS, i)
  const { device } = await group.rogue(`storage-${i}`, { price: BigInt(storagePrice) + BigInt(i) })
  answerWithFaults(device, { [step]: FAULTS.get(way)! })
  doings.did(`storage: ${way} at ${step}`)
}

async function sellCompute(i: number): Promise<void> {
  const { step, way } = caseOf(COMPUTE_STEPS, i)
  const node = await group.node(`compute-${i}`, { serve: true })
  computing = node
  answerWithFaults(node.home.device.publicKey, { [step]: FAULTS.get(way)! })
  const offer = { cores: 1, memory: GIB, price: String(BigInt(computePrice) + BigInt(i)), baseMsat: '1000' }
  const how = { region: '', onlyIdle: false, hours: null, allowProcess: true, market }
  await node.call('sell.compute', { ...offer, ...how } as never, quiet)
  doings.did(`compute: ${way} at ${step}`)
}

answer({ ready: true })
for (let i = 0; ; i++) {
  if (i % MOST === MOST - 1) {
    const old = group
    group = await openGroup(i)
    await old.close().catch(doings.goOn)
    computing = null
  }
  if (i % COMPUTE_EVERY === COMPUTE_EVERY - 1) {
    await (computing as BushelNode | null)?.close().catch(doings.goOn)
    await sellCompute((i - COMPUTE_EVERY + 1) / COMPUTE_EVERY).catch(doings.goOn)
  } else await sellStorage(i).catch(doings.goOn)
  await delay(everyMs)
}
