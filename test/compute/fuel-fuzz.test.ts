import assert from 'node:assert/strict'
import test from 'node:test'
import { meter, ModuleRefused, NAMES } from '../../src/compute/fuel/meter.js'
import { isValid } from '../../src/compute/fuel/engine.js'
import { F32, F64, I64 } from './assembler.js'
import { Guest, metered, outcome } from './guest.js'
import type { Global } from './guest.js'
import { makeProgram } from './program-maker.js'
import { Random } from './random.js'

const SEED = Number(process.env.BUSHEL_FUZZ_SEED ?? 1)
const RUNS = Number(process.env.BUSHEL_FUZZ_RUNS ?? 1)

function argumentsOf(params: readonly number[], random: Random): (number | bigint)[] {
  return params.map(type => {
    if (type === I64) return BigInt(random.below(2 ** 31)) - 5n
    if (type === F32 || type === F64) return random.pick([0, 1.5, -Infinity, NaN, 1e30])
    return random.below(2 ** 31) - 7
  })
}

interface Ran {
  outcomes: string[]
  state: string
  used: bigint
}

/** Calls everything that it exports, one after the other. */
function run(
  guest: Guest,
  made: ReturnType<typeof makeProgram>,
  seed: number,
  start: boolean
): Omit<Ran, 'used'> {
  const random = new Random(seed)
  const outcomes: string[] = []
  if (start) outcomes.push(outcome(guest, NAMES.start))
  for (const { name, params } of made.entries)
    outcomes.push(`${name} ${outcome(guest, name, ...argumentsOf(params, random))}`)
  const globals = ['a', 'b', 'c', 'd'].map(name => String((guest.exports[name] as Global).value))
  return { outcomes, state: `${Buffer.from(guest.memory).toString('base64')} ${globals.join(' ')}` }
}

test(`random modules do the same metered as plain, and use the same fuel twice (seed ${SEED})`, t => {
  let [compared, trapped, short] = [0, 0, 0]
  for (let seed = SEED; seed < SEED + 1500 * RUNS; seed++) {
    const made = makeProgram(seed, false)
    assert.ok(isValid(made.bytes), `the maker's module of seed ${seed} is valid`)
    const module = metered(made.bytes)
    const go = (portion: bigint): Ran => {
      const guest = new Guest(module.bytes, {}, { most: 3_000_000n, portion })
      return { ...run(guest, made, seed, module.hasStart), used: guest.used }
    }
    const first = go(1_000_000n)
    const again = go(100n)
    if (first.used > 2_900_000n) {
      short++
      continue
    }
    assert.deepEqual(again, first, `seed ${seed}: the same in portions of another size`)
    const eager = makeProgram(seed, true)
    let plain: Omit<Ran, 'used'> | null = null
    try {
      plain = run(new Guest(eager.bytes), eager, seed, false)
    } catch (error) {
      // the start function trapped
      if (!(error instanceof Error) || error.name !== 'RuntimeError') throw error
      assert.match(first.outcomes[0]!, /^trapped/)
      continue
    }
    if (module.hasStart) assert.match(first.outcomes.shift()!, /^gave/)
    assert.deepEqual(first.outcomes, plain.outcomes, `seed ${seed}`)
    assert.equal(first.state, plain.state, `seed ${seed}: memory and globals`)
    compared++
    if (first.outcomes.some(text => text.includes('trapped'))) trapped++
  }
  t.diagnostic(
    `${compared} compared, of which ${trapped} trapped somewhere; ${short} used up what was granted`
  )
  assert.ok(compared > 1000 * RUNS, 'most run to their end')
  assert.ok(trapped > 20 * RUNS && trapped < compared * 0.9, `${trapped} of ${compared} trap`)
})
