import type { Address } from '../../../src/network/network.js'
import { answer } from '../../stage.js'
import { BOOK_ATTACKS, fakeAsks } from './book-attacks.js'
import type { FakeAsks } from './book-attacks.js'
import { CONNECTION_ATTACKS } from './connection-attacks.js'
import type { Attack } from './connection-attacks.js'
import { DEAL_ATTACKS } from './deal-attacks.js'
import { Doings } from './doings.js'
import type { Told } from './doings.js'
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
  /** Puts so many asks on the book of the first target first: `FakeAsks` says which. */
  fakeAsks?: FakeAsks
}

/** What an attacker says of itself whenever it is told something. */
export interface Attacking extends Told {
  tried: number
  made: number
  open: number
}

const AT_ONCE = 25
const doings: Doings<AttackOrder> = new Doings<AttackOrder>(() => ({
  ...{ tried: ground.tried, made: ground.made, open: ground.open }
}))
const { order } = doings
const { bootstrap, targets, folder, kinds, count, againMs, stayMs } = order
const ground: Ground = new Ground(bootstrap, folder, stayMs)

async function stranger(place: number): Promise<void> {
  for (let round = place; ; round += againMs === null ? 0 : 1) {
    const kind = kinds[round % kinds.length]!
    const target = targets[Math.floor(round / kinds.length) % targets.length]!
    const attack: Attack = ATTACKS[kind]
    await attack(ground, target).catch(doings.goOn)
    doings.did(kind)
    if (againMs === null) return
    await delay(againMs)
  }
}

const failed = order.fakeAsks && (await fakeAsks(ground, targets[0]!, order.fakeAsks).catch(String))
for (let place = 0; place < count; place++) {
  void stranger(place)
  if (place % AT_ONCE === AT_ONCE - 1) await delay(100)
}
answer({ ready: true, failed })
