import { setPriority } from 'node:os'
import type { Address } from '../../../src/network/network.js'
import { answer, orderOf } from '../../stage.js'
import { BOOK_ATTACKS, fakeAsks } from './book-attacks.js'
import { CONNECTION_ATTACKS } from './connection-attacks.js'
import type { Attack } from './connection-attacks.js'
import { DEAL_ATTACKS } from './deal-attacks.js'
import { Ground, delay } from './ground.js'
import type { Target } from './ground.js'

// A process of strangers with fresh keys, on bare hyperdht and protomux.

const ATTACKS = { ...CONNECTION_ATTACKS, ...DEAL_ATTACKS, ...BOOK_ATTACKS }

export type AttackKind = keyof typeof ATTACKS

export interface AttackOrder {
  bootstrap: Address[]
  targets: Target[]
  folder: string
  /** In turn, of as many strangers at the same time. */
  kinds: AttackKind[]
  count: number
  /** A stranger that was cut off comes again with another key after so many ms; null: it stays away. */
  againMs: number | null
  /** A stranger that is not cut off goes by itself after so many ms; null: never. */
  stayMs: number | null
  /** Of the process. */
  nice: number
  /** Puts so many asks on the book of the first target first, and does nothing else then. */
  fakeAsks?: number
}

/** What an attacker says of itself whenever it is told something. */
export interface Attacking {
  tried: number
  made: number
  open: number
  /** How often each kind was carried out to its end. */
  done: Partial<Record<AttackKind, number>>
  /** Why attacks broke off, how often. */
  brokeOff: Record<string, number>
}

const AT_ONCE = 25
const order = orderOf<AttackOrder>()
setPriority(order.nice)
const { bootstrap, targets, folder, kinds, count, againMs, stayMs } = order
const ground = new Ground(bootstrap, folder, stayMs)
const done: Attacking['done'] = {}
const brokeOff: Attacking['brokeOff'] = {}

/** An attacker goes on whatever happens: that it is cut off or not let in, and what breaks in libraries that it misuses. */
function goOn(error: unknown): void {
  const why = (error instanceof Error ? error.message : String(error)).slice(0, 80)
  brokeOff[why] = (brokeOff[why] ?? 0) + 1
}

async function stranger(place: number): Promise<void> {
  for (let round = place; ; round += againMs === null ? 0 : 1) {
    const kind = kinds[round % kinds.length]!
    const target = targets[Math.floor(round / kinds.length) % targets.length]!
    const attack: Attack = ATTACKS[kind]
    await attack(ground, target).catch(goOn)
    done[kind] = (done[kind] ?? 0) + 1
    if (againMs === null) return
    await delay(againMs)
  }
}

process.on('message', () => {
  const { tried, made, open } = ground
  answer({ tried, made, open, done, brokeOff } satisfies Attacking)
})
process.on('disconnect', () => process.exit())
process.on('uncaughtException', goOn)
process.on('unhandledRejection', goOn)

if (order.fakeAsks) await fakeAsks(ground, targets[0]!, order.fakeAsks)
else
  for (let place = 0; place < count; place++) {
    void stranger(place)
    if (place % AT_ONCE === AT_ONCE - 1) await delay(100)
  }
answer({ ready: true })
