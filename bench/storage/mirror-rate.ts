import { rm } from 'node:fs/promises'
import { KIB, MIB } from '../../contracts/money/quantity.js'
import type { MirrorResult } from '../../src/node/api/api.js'
import type { World } from '../../test/world/world.js'
import type { BareOrder } from './bare-core.js'
import { medianPair, rate } from '../figure.js'
import type { Bench, Figure, Pair } from '../figure.js'
import { writeFileOf } from './goods.js'
import { Actor, inMarket } from '../stage.js'

/** A usual price and the default term: 256 MiB take two payments. */
export const PRICE = '25 sat/GiB-month'
const TIME = '30d'

/** Mirrors to one provider, everything after packing: agreement, channel, upload, seal, audits and payments. */
export const mirrorBench: Bench = {
  name: 'mirror',
  about: 'mirror to one provider, against a bare encrypted Hypercore between two processes',
  async run({ quick, say }) {
    const bytes = (quick ? 32 : 256) * MIB
    const runs = quick ? 1 : 5
    return inMarket({ price: PRICE, providers: ['provider'] }, async world => {
      const whole: Pair[] = []
      const transfer: Pair[] = []
      for (let i = 0; i < runs; i++) {
        const file = world.at(`file-${i}`)
        await writeFileOf(file, bytes)
        const baseline = rate(bytes, await bareTransfer(world, i, bytes))
        const { result, transferMs } = await timedMirror(world, file)
        whole.push({ measured: rate(bytes, result.seconds.upload * 1000), baseline })
        transfer.push({ measured: rate(bytes, transferMs), baseline })
        const shown = [baseline, whole[i]!.measured, transfer[i]!.measured].map(value => value.toFixed(1))
        say(`run ${i + 1}: bare ${shown[0]}, mirror ${shown[1]}, its transfer alone ${shown[2]} MB/s`)
        await rm(file)
      }
      const bare = `a bare encrypted Hypercore, 256 KiB blocks, over Hyperswarm, ${bytes / MIB} MiB, median pair of ${runs}`
      const figure = (pairs: Pair[]): Pick<Figure, 'measured' | 'unit' | 'baseline'> => {
        const { measured, baseline } = medianPair(pairs)
        return { measured, unit: 'MB/s', baseline: { name: bare, value: baseline } }
      }
      return [
        {
          name: 'mirror, one provider',
          ...figure(whole),
          target: { atLeast: 0.85 },
          note: 'seconds.upload: agreement, Lightning channel in the first run, upload, seal, audits, both payments'
        },
        {
          name: 'mirror, transfer alone',
          ...figure(transfer),
          note: 'from the first payment to the last block told'
        }
      ]
    })
  }
}

/** Time from the first request to the last block, ms. */
async function bareTransfer(world: World, run: number, bytes: number): Promise<number> {
  const [host, port] = world.processes.bootstrap.split(':')
  const order: BareOrder = {
    folder: world.at(`bare-sender-${run}`),
    bootstrap: [{ host: host!, port: Number(port) }],
    blocks: bytes / (256 * KIB)
  }
  const sender = new Actor('storage/bare-core', order)
  try {
    const from = await sender.hear<NonNullable<BareOrder['from']>>()
    const receiver = new Actor('storage/bare-core', {
      ...order,
      folder: world.at(`bare-receiver-${run}`),
      from
    })
    try {
      return (await receiver.hear<{ ms: number }>()).ms
    } finally {
      await receiver.end()
      await rm(world.at(`bare-receiver-${run}`), { recursive: true, force: true })
    }
  } finally {
    await sender.end()
    await rm(order.folder, { recursive: true, force: true })
  }
}

/** Runs one `bushel mirror` to its end. */
export async function timedMirror(
  world: World,
  path: string,
  copies = 1
): Promise<{ result: MirrorResult; transferMs: number; packings: number }> {
  let begun = 0
  let ended = 0
  let packings = 0
  let packed = 0
  const result = await world.ok<MirrorResult>(
    'buyer',
    ['mirror', path, '--copies', String(copies), '--time', TIME, '--prepay-max', '100000 sat'],
    {
      timeoutMs: 600_000,
      online: line => {
        if (line['event'] === 'payment' && line['installment'] === 0) begun ||= performance.now()
        if (line['step'] === 'upload') ended = performance.now()
        if (line['step'] === 'pack') {
          if (packings === 0 || Number(line['done']) < packed) packings++
          packed = Number(line['done'])
        }
      }
    }
  )
  return { result, transferMs: ended - begun, packings }
}
