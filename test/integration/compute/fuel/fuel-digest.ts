import { createHash } from 'node:crypto'
import { F64, I32, V128 } from '../../../parts/compute/fuel/assembler.js'
import { Console, program } from '../../../parts/compute/fuel/console.js'
import { Guest, metered, outcome } from '../../../parts/compute/fuel/guest.js'
import { makeProgram } from '../../../parts/compute/fuel/maker/program-maker.js'
import { recursion } from '../../../parts/compute/fuel/recursion.js'

// A child process started with flags of the engine: prints the results and fuel of metered modules, to
// compare with other engines.

const told: Record<string, string> = {}

for (const [name, args] of [
  ['sha256.wasm', ['96']],
  ['matrix.wasm', ['48']],
  ['matrix-simd.wasm', ['48']],
  ['mixed.wasm', []]
] as const) {
  const screen = new Console(args)
  const guest = new Guest(metered(program(name)).bytes, screen.functions)
  screen.start(guest.exports)
  told[name] = `${guest.used} ${screen.text}`
}

for (const type of [I32, F64, V128])
  for (const [held, hidden] of [
    [0, false],
    [20, false],
    [300, false],
    [2000, false],
    [300, true],
    [2000, true]
  ] as const) {
    const guest = new Guest(metered(recursion(type, held, hidden)).bytes)
    const came = outcome(guest, 'run', 0)
    const deep = new DataView(guest.memory.buffer).getUint32(0, true)
    told[`recursion ${type} ${held} ${hidden}`] = `${deep} calls, ${guest.used}, ${came}`
  }

for (let seed = 9000; seed < 9060; seed++) {
  const made = makeProgram(seed, false)
  const guest = new Guest(metered(made.bytes).bytes, {}, { most: 3_000_000n })
  const came = made.entries.map(({ name, params }) => outcome(guest, name, ...params.map(zero)))
  const memory = createHash('sha256').update(guest.memory).digest('hex')
  told[`seed ${seed}`] = `${guest.used} ${memory} ${came.join('; ')}`
}

function zero(type: number): number | bigint {
  return type === 0x7e ? 0n : 0
}

process.stdout.write(JSON.stringify(told))
