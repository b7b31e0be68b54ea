import { once } from 'node:events'
import { parseKey } from '../../contracts/keys/key.js'
import { DAY, MIB } from '../../contracts/money/quantity.js'
import { encode } from '../../contracts/schema/codec.js'
import type { Address } from '../../src/network/network.js'
import { BarePeer } from '../../test/parts/peers/bare-peer.js'
import type { World } from '../../test/world/world.js'
import { median } from '../figure.js'
import type { Figure, Settings } from '../figure.js'
import { Actor, inWorld } from '../stage.js'
import type { AttackKind, AttackOrder, Attacking } from './attackers/attacker.js'
import type { Target } from './attackers/ground.js'
import { Peak, filesOf, residentOf } from './process-use.js'

const PROCESSES = 4
const MOST_MB = 200
const MOST_FILES = 1023
/** How long an honest stranger tries to get a quote, ms. */
const PATIENCE = 30_000
const LOOK_EVERY = 500
/** How long the strangers stay at least, ms. */
const STAY = 30_000
const KINDS: AttackKind[] = [
  'idle',
  'channels',
  'unread',
  'frames',
  'hugeFrames',
  'cores',
  'pending',
  'moreChannels',
  'unreadQuotes',
  'garbage'
]

interface Scene {
  world: World
  target: Target
  pid: number
  /** Of the provider before all of it, MB. */
  resident: number
  settings: Settings
}

/** What a provider holds while very many strangers are connected to it, and whether others still get in. */
export async function connections(settings: Settings): Promise<Figure[]> {
  return inWorld(async world => {
    const market = await world.found('founder', 'main')
    const { device, ask, process } = await world.seller('provider', market, '2000 sat/GiB-month')
    const target = { device, market, ask, isRelay: false }
    const scene: Scene = { world, target, pid: process.pid, resident: 0, settings }
    const alone = await quotes(scene)
    scene.resident = residentOf(process.pid)
    return [
      ...(await under(scene, alone, 'that stay', null)),
      ...(await under(scene, alone, 'that come again', 1000))
    ]
  })
}

async function under(
  scene: Scene,
  alone: number[],
  which: string,
  againMs: number | null
): Promise<Figure[]> {
  const { world, target, pid, resident, settings } = scene
  const count = settings.quick ? 200 : 1000
  const peak = new Peak(pid)
  const filesBefore = filesOf(pid)
  const attackers = Array.from({ length: PROCESSES }, () => {
    const order: AttackOrder = {
      bootstrap: [bootstrapOf(world)],
      targets: [target],
      folder: world.at(),
      kinds: KINDS,
      count: count / PROCESSES,
      againMs,
      stayMs: null,
      nice: 0
    }
    return new Actor('strangers/attackers/attacker', order)
  })
  try {
    for (const attacker of attackers) await attacker.hear()
    while ((await heardOf(attackers)).tried < count) await passing(LOOK_EVERY)
    const stayed = passing(settings.quick ? STAY / 6 : STAY)
    const times = await quotes(scene)
    await stayed
    const { made } = await heardOf(attackers)
    peak.end().look()
    const grown = peak.resident - resident
    settings.say(
      `${made} connections of ${count} strangers ${which}: ${resident.toFixed(0)} to ${peak.resident.toFixed(0)} MB, ` +
        `${filesBefore} to ${peak.files} files; a quote took ${median(alone).toFixed(0)} and then ${median(times).toFixed(0)} ms`
    )
    const name = `${count} hostile connections ${which}`
    const got = times.filter(ms => ms < PATIENCE)
    const note = `${made} connections in all, from ${PROCESSES} processes`
    return [
      { name: `${name}, memory grown`, measured: grown, unit: 'MB', target: { atMost: MOST_MB }, note },
      { name: `${name}, open files`, measured: peak.files, unit: 'files', target: { atMost: MOST_FILES } },
      {
        name: `${name}, honest strangers that got a quote`,
        measured: (100 * got.length) / times.length,
        unit: '%',
        target: { atLeast: 100 },
        note: `in ${PATIENCE / 1000} s, of ${times.length}`
      },
      {
        name: `${name}, time to a quote`,
        measured: median(times),
        unit: 'ms',
        baseline: { name: 'the same before them', value: median(alone) }
      }
    ]
  } finally {
    peak.end()
    for (const attacker of attackers) await attacker.end()
  }
}

async function heardOf(attackers: Actor[]): Promise<Pick<Attacking, 'tried' | 'made'>> {
  const sum = { tried: 0, made: 0 }
  for (const attacker of attackers) {
    attacker.tell({})
    const { tried, made } = await attacker.hear<Attacking>()
    sum.tried += tried
    sum.made += made
  }
  return sum
}

/** How long honest strangers wait for a quote from dialling on, ms; those that get none, `PATIENCE`. */
async function quotes({ world, target, settings }: Scene): Promise<number[]> {
  const dht = BarePeer.dht([bootstrapOf(world)])
  const times: number[] = []
  try {
    for (let i = 0; i < (settings.quick ? 3 : 10); i++) {
      const begun = performance.now()
      const passed = (): number => performance.now() - begun
      let got = false
      while (!got && passed() < PATIENCE)
        got = await Promise.race([quoted(dht, target), passing(PATIENCE - passed())])
      times.push(got ? passed() : PATIENCE)
    }
    return times
  } finally {
    await dht.destroy()
  }
}

async function passing(ms: number): Promise<false> {
  await once(AbortSignal.timeout(Math.max(1, Math.ceil(ms))), 'abort')
  return false
}

/** Whether a stranger was connected and got a quote; one that is cut off tries again, as a node does. */
async function quoted(dht: ReturnType<typeof BarePeer.dht>, target: Target): Promise<boolean> {
  const { market, device, ask } = target
  const peer = await BarePeer.meet(dht, { market, device, id: ask!, price: 1n }).catch(() => null)
  if (!peer) return false
  const wanted = { bytes: MIB, blocks: 16, time: 30 * DAY, firstInstallmentMsat: 5000n }
  const request = {
    market: parseKey(market),
    ask: parseKey(ask!),
    revision: 1,
    resource: 'storage',
    body: encode('storage-request', wanted),
    offer: 0n
  }
  try {
    await peer.ask('quote', 'quote-request', request, 'signed-quote')
    return true
  } catch {
    return false
  } finally {
    peer.close()
  }
}

/** Of a world, for nodes that are not of the executable. */
export function bootstrapOf(world: World): Address {
  const [host, port] = world.processes.bootstrap.split(':')
  return { host: host!, port: Number(port) }
}
