import { randomBytes } from 'node:crypto'
import ProtomuxRPC from 'protomux-rpc'
import { parsePrice } from '../../../contracts/money/money.js'
import { MIB } from '../../../contracts/money/quantity.js'
import { encode } from '../../../contracts/schema/codec.js'
import { PROTOCOL_VERSION } from '../../../contracts/terms.js'
import { FUEL_VERSION } from '../../../src/compute/fuel/meter.js'
import { DEFAULT_LIMITS } from '../../../src/compute/sandbox/job.js'
import { BareDecline, BarePeer } from '../../../test/parts/peers/bare-peer.js'
import type { Offer } from '../../../test/parts/peers/rogue-buyer.js'
import { lightningId, noPoint, person } from '../../../test/samples/people.js'
import type { Attack } from './connection-attacks.js'
import { delay, ended, endedUnread } from './ground.js'
import type { Ground, Raw, Target } from './ground.js'

/** Limits of the job, and what its guest itself takes, bytes. */
const JOB_MEMORY = 512 * MIB
const METHODS = ['quote', 'agree', 'strip', 'topup', 'paid', 'progress', 'seal', 'audit', 'counter', 'void']
const MORE_METHODS = ['end', 'refund', 'credit', 'answer', 'jobProgress', 'jobReveal', 'jobFinal', 'jobKey']
const ALL_METHODS = [...METHODS, ...MORE_METHODS, 'hello', 'no such method']

/** Attacks over the deal protocol by peers with a fresh key and no money. */
export const DEAL_ATTACKS = {
  /** Agrees on leases and never pays. */
  leases: (ground, target) =>
    agreeing(ground, target, async (peer, offer) => {
      await peer.lease(offer, 1 + Math.floor(Math.random() * 60))
    }),

  /** Agrees on jobs and never pays. */
  jobs: (ground, target) =>
    agreeing(ground, target, async (peer, offer) => {
      if (!target.jobAsk) throw new BareDecline('NO_JOBS', 'it runs no jobs of others')
      const sha256 = randomBytes(32)
      const blob = { key: sha256, length: 1, byteLength: 1000, sha256 }
      const isolation = target.isolation ?? ''
      const change = {
        module: blob,
        input: blob,
        args: [],
        limits: DEFAULT_LIMITS,
        fuel: FUEL_VERSION,
        isolation
      }
      await peer.job({ ...offer, id: target.jobAsk }, change, JOB_MEMORY)
    }),

  /** Requests that refer to agreements that never were. */
  references: (ground, target) =>
    agreeing(ground, target, async peer => {
      const agreement = randomBytes(32)
      await peer.ask('end', 'end', { agreement, reason: '\u001b[31m' }, 'ended').catch(declined)
      await peer.ask('topup', 'strip-request', { agreement, from: 2 ** 31 }, 'countersign')
    }),

  /** A greeting with a Lightning id that is no point, then requests of each kind whose bodies are garbage. */
  requests: async (ground, target) => {
    const { stream, rpc } = await greeted(ground, target)
    for (let i = 0; i < 350 && !stream.destroyed; i++) {
      const body = randomBytes(i % 7 === 0 ? 0 : 1 + ((i * 37) % 900))
      const value = i % 2 ? encode('request', { id: randomBytes(32), body }) : body
      rpc.request(ALL_METHODS[i % ALL_METHODS.length]!, value, { timeout: 5000 }).catch(() => undefined)
      if (i % 20 === 19) await delay(50)
    }
    await Promise.race([ended(stream), delay(3000)])
    stream.destroy()
  },

  /** Asks for quotes and reads no answer. */
  unreadQuotes: async (ground, target) => {
    const { stream, rpc } = await greeted(ground, target, lightningId())
    for (let i = 0; i < 390; i++)
      rpc
        .request('quote', encode('request', { id: randomBytes(32), body: randomBytes(200) }))
        .catch(() => undefined)
    await Promise.race([endedUnread(stream), delay(20_000)])
    stream.destroy()
  }
} as const satisfies Record<string, Attack>

function offerOf({ market, device, ask }: Target): Offer {
  return { market, device, id: ask ?? device, price: parsePrice('100000 sat/GiB-month') }
}

function declined(error: unknown): void {
  if (!(error instanceof BareDecline)) throw error
}

/** Does it on one connection until the node declines it for the third time. */
async function agreeing(
  ground: Ground,
  target: Target,
  once: (peer: BarePeer, offer: Offer) => Promise<void>
): Promise<void> {
  const offer = offerOf(target)
  const peer = await BarePeer.meet(ground.dht, offer)
  ground.made++
  let declines = 0
  try {
    while (declines < 3)
      await once(peer, offer).catch((error: unknown) => {
        declined(error)
        declines++
      })
    await delay(1000)
  } finally {
    peer.close()
  }
}

async function greeted(
  ground: Ground,
  target: Target,
  lightning = noPoint()
): Promise<{ stream: Raw; rpc: ProtomuxRPC }> {
  const [one] = await person()
  const stream = await ground.dial(target, one!.device)
  const rpc = new ProtomuxRPC(stream, { protocol: 'bushel/deal' })
  rpc.on('error', () => undefined)
  const version = PROTOCOL_VERSION
  const hello = { version, network: 'play-1', proof: one!.proof, lightning, clock: Date.now(), counters: [] }
  const body = encode('hello', hello)
  rpc.request('hello', encode('request', { id: randomBytes(32), body })).catch(() => undefined)
  return { stream, rpc }
}
