import { BushelError } from '../../../../contracts/errors/error.js'
import { DAY, MIB, TIB } from '../../../../contracts/money/quantity.js'
import { SIDE } from '../../../../contracts/order.js'
import { FUEL_VERSION } from '../../../compute/fuel/meter.js'
import { saveLending } from '../../../compute/provider/settings.js'
import { WORKER_SETTINGS } from '../../../compute/provider/worker-options.js'
import type { WorkerSettings } from '../../../compute/provider/worker-options.js'
import type { Worker } from '../../../compute/provider/worker.js'
import { compute } from '../../../compute/resource.js'
import { bestIsolation, bestWalls } from '../../../compute/sandbox/sandbox.js'
import type { PlacedOrder } from '../../../deal/orders/standing-orders.js'
import type { NodeContext } from '../../context.js'
import { needsUp } from '../../needs-up.js'
import { callWithDryRun, dry } from '../definition/call.js'
import {
  bytes,
  duration,
  fields,
  flag,
  fuelPrice,
  market,
  maybe,
  msat,
  orNull,
  region,
  whole
} from '../definition/schema.js'
import { marketOf } from '../markets.js'
import { ORDER_RESULT, dryOrder, lifetime, orderResult } from '../orders.js'
import { askPrice } from '../prices.js'
import { demandInbound } from '../wallet.js'
import { isolation, walls } from './job-fields.js'
import type { IsolationName } from './job-fields.js'

const BOOK_WAIT = 10_000
const ASK_LIFETIME = 365 * DAY
const WEEK = 7 * DAY
/** Amount that a seller of compute must be able to receive before it makes an offer, msat. */
const FIRST_SEGMENTS = 40_000n

const minute = (about: string) =>
  whole(0, 24 * 60 - 1, `${about}, minute of the day in the zone of the machine`)
const paused = flag('true: jobs of others are paused')

export const SELL_COMPUTE_CALLS = {
  'sell.compute': callWithDryRun(
    {
      summary: 'publishes an offer to run jobs, which the node serves',
      params: {
        market,
        cores: whole(1, 1024, 'most jobs at the same time'),
        memory: bytes('memory of all of them together', { least: MIB, most: 64 * TIB }),
        price: fuelPrice('price'),
        floor: maybe(fuelPrice('lowest price at which it sells, told to nobody; absent: the price')),
        baseMsat: msat('base of each job, in addition to its fuel', 1n),
        region: region('region of the machine, such as eu; may be empty'),
        onlyIdle: flag('true: jobs run only while the machine has nothing else to do'),
        hours: orNull(fields({ from: minute('from'), to: minute('to') }), 'when jobs run; null: at any hour'),
        maxWallMs: maybe(duration('most time of a job on the clock; absent: 1 h', { most: WEEK })),
        maxCpuMs: maybe(
          duration('most processor time of a job, with compiling; absent: 1 h', { most: WEEK })
        ),
        allowProcess: flag('true: sell without bubblewrap where it does not work'),
        lifetime
      },
      result: { ...ORDER_RESULT, isolation, walls },
      changes: true,
      needs: 'up'
    },
    async (node, params) => {
      const chosen = marketOf(node, params.market)
      const { orders, compute: parts } = await node.trade()
      const { worker } = parts
      if (!worker || !node.serving) throw needsUp()
      const { cores, memory, hours, onlyIdle, allowProcess, region, dryRun } = params
      const isolation = await demandIsolation(allowProcess)
      await demandInbound(node, FIRST_SEGMENTS)
      await chosen.inStep({ timeoutMs: BOOK_WAIT })
      const baseMsat = BigInt(params.baseMsat)
      const order = {
        market: chosen.key,
        side: SIDE.ask,
        resource: compute.id,
        ...askPrice(params),
        body: compute.ask.encode({ cores, memory, isolation, fuel: FUEL_VERSION, baseMsat, region }),
        lifetime: params.lifetime ?? ASK_LIFETIME
      }
      const { maxWallMs = WORKER_SETTINGS.maxWallMs, maxCpuMs = WORKER_SETTINGS.maxCpuMs } = params
      const lent = { cores, memoryBytes: memory, hours, onlyIdle, allowProcess, maxWallMs, maxCpuMs }
      // The owner's limits are on disk before the offer is published.
      const publish = async (): Promise<PlacedOrder> => {
        const before = worker.settings
        await lend(node, worker, lent)
        try {
          return await orders.publish(order)
        } catch (error) {
          await lend(node, worker, before)
          throw error
        }
      }
      const placed = dryRun ? dryOrder(orders.draft(order)) : await publish()
      const found = [...(await bestWalls())]
      const made = orderResult(node, placed, placed.order.created + order.lifetime)
      return dry(params, { ...made, isolation, walls: found })
    }
  ),
  'sell.pause': callWithDryRun(
    {
      summary: 'pauses or resumes the jobs of others; offers stay',
      params: { paused },
      result: { paused },
      changes: true,
      needs: 'up'
    },
    async (node, params) => {
      const { worker } = (await node.trade()).compute
      if (!worker) throw needsUp()
      if (!params.dryRun) await lend(node, worker, { paused: params.paused })
      return dry(params, { paused: params.paused })
    }
  )
}

async function lend(node: NodeContext, worker: Worker, settings: Partial<WorkerSettings>): Promise<void> {
  await saveLending(node.store, { ...worker.settings, ...settings })
  worker.configure(settings)
}

/** The isolation of jobs from this machine; without bubblewrap only when the owner allows it. */
async function demandIsolation(allowProcess: boolean): Promise<IsolationName> {
  const isolation = await bestIsolation()
  if (isolation === 'bwrap' || allowProcess) return isolation
  throw new BushelError(
    'NO_BUBBLEWRAP',
    'bubblewrap does not work on this machine; no offer was made',
    'install the package `bubblewrap`, or accept weaker isolation with --allow-process'
  )
}
