import assert from 'node:assert/strict'
import test from 'node:test'
import { ModuleRefused, NAMES } from '../../../../src/compute/fuel/meter.js'
import { isValid } from '../../../../src/compute/fuel/engine.js'
import { F32, F64, I64 } from '../../../parts/compute/fuel/assembler.js'
import { program } from '../../../parts/compute/fuel/console.js'
import { counted } from '../../../parts/compute/fuel/counted.js'
import { Guest, metered, outcome } from '../../../parts/compute/fuel/guest.js'
import type { Global } from '../../../parts/compute/fuel/guest.js'
import { makeProgram } from '../../../parts/compute/fuel/maker/program-maker.js'
import { Random } from '../../../parts/compute/fuel/random.js'

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

/** Calls every export in order. */
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

test(`random modules do the same metered as plain and use the same fuel twice (seed ${SEED})`, t => {
  let [compared, trapped, short] = [0, 0, 0]
  for (let seed = SEED; seed < SEED + 400 * RUNS; seed++) {
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
  assert.ok(compared > 300 * RUNS, 'most run to their end')
  assert.ok(trapped > 5 * RUNS && trapped < compared * 0.9, `${trapped} of ${compared} trap`)
})

test(`randomly damaged modules are refused, or metered and then end (seed ${SEED})`, t => {
  const random = new Random(SEED)
  const sources = [
    ...['sha256.wasm', 'matrix-simd.wasm', 'mixed.wasm'].map(program),
    ...Array.from({ length: 40 }, (_, i) => makeProgram(SEED + 50_000 + i, false).bytes)
  ]
  let [refused, taken, ran] = [0, 0, 0]
  for (let i = 0; i < 3000 * RUNS; i++) {
    const bytes = changed(random.chance(0.05) ? random.pick(sources) : random.pick(sources.slice(3)), random)
    let module: ReturnType<typeof metered>
    try {
      module = metered(bytes)
    } catch (error) {
      if (!(error instanceof ModuleRefused)) throw error
      assert.ok(
        !isValid(bytes) || error.message !== 'it could not be metered',
        `change ${i}: ${error.message}`
      )
      refused++
      continue
    }
    taken++
    assert.ok(isValid(bytes) && isValid(module.bytes), `change ${i}`)
    const twice = [0, 1].map(() => endOf(module.bytes))
    assert.deepEqual(twice[0], twice[1], `change ${i}`)
    if (twice[0] !== null) ran++
  }
  t.diagnostic(`${refused} refused, ${taken} metered, ${ran} of them run`)
  assert.ok(refused > 1000 * RUNS && ran > 150 * RUNS, `${refused} refused, ${ran} run`)
})

test(`a run that ends has paid for exactly the instructions that ran (seed ${SEED})`, t => {
  let [paid, trapped] = [0, 0]
  for (let seed = SEED; seed < SEED + 300 * RUNS; seed++) {
    const made = makeProgram(seed, false, false)
    // arithmetic is canonical in both, so that both take the same path
    const eager = makeProgram(seed, true, false)
    const module = metered(eager.bytes)
    const guest = new Guest(module.bytes)
    const came = run(guest, eager, seed, module.hasStart)
    if (came.outcomes.some(text => text.includes('trapped'))) {
      trapped++
      continue
    }
    const plain = new Guest(counted(eager.bytes))
    run(plain, made, seed, false)
    assert.equal((plain.exports.count as Global).value, guest.used, `seed ${seed}`)
    paid++
  }
  t.diagnostic(`${paid} paid exactly, ${trapped} trapped`)
  assert.ok(paid > 150 * RUNS)
})

/** A copy with a few bytes changed, removed or doubled; sometimes truncated, sometimes all random. */
function changed(source: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.02)) {
    const noise = Uint8Array.from({ length: random.below(200) }, () => random.below(256))
    return Uint8Array.from([...source.subarray(0, 8), ...noise])
  }
  if (random.chance(0.02)) return source.subarray(0, random.below(source.length))
  let bytes = source.slice()
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(bytes.length)
    if (random.chance(0.8))
      bytes[at] = random.chance(0.5) ? random.below(256) : bytes[at]! ^ (1 << random.below(8))
    else if (random.chance(0.5))
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1)])
    else bytes = Uint8Array.from([...bytes.subarray(0, at + 1), ...bytes.subarray(at)])
  }
  return bytes
}

/** The outcome of calling every export with little fuel; null when the module cannot be instantiated here. */
function endOf(bytes: Uint8Array): string | null {
  let guest: Guest
  try {
    guest = new Guest(bytes, {}, { most: 20_000n, portion: 500n })
  } catch (error) {
    // it imports functions, or a segment is out of bounds
    if (error instanceof Error && /^(LinkError|RuntimeError|TypeError)$/.test(error.name)) return null
    throw error
  }
  const ends = Object.entries(guest.exports).flatMap(([name, entry]) => {
    if (typeof entry !== 'function') return []
    const args = Array.from({ length: entry.length }, () => 0)
    try {
      return [outcome(guest, name, ...args)]
    } catch (error) {
      // a 64-bit or vector parameter, which has no JavaScript value
      if (error instanceof SyntaxError || error instanceof TypeError) return ['not callable']
      throw error
    }
  })
  return `${guest.used} ${ends.join('; ')}`
}
