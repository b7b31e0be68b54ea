/**
 * A child process with little memory that decodes hostile bytes as every struct: short messages with false
 * lengths, and the longest possible ones. Prints the memory used, as JSON.
 */
import fc from 'fast-check'
import { MAX_MESSAGE_BYTES, decode, encode } from '../../../contracts/schema/codec.js'
import type { StructName } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { names, structOf } from '../../samples/arbitraries.js'
import { mutated, mutations } from '../../samples/mutation.js'

const seed = Number(process.argv[2])
const used = (): number => {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
let decoded = 0

function attempt(name: StructName, bytes: Buffer): void {
  decoded++
  try {
    decode(name, bytes)
  } catch (error) {
    if (!(error instanceof BushelError)) throw error
  }
}

/** The memory that one short message used at most, bytes. */
function short(): number {
  let most = 0
  for (const name of names) {
    const base = fc.sample(structOf(name), { seed, numRuns: 10 }).map(value => encode(name, value as never))
    const lists = fc.sample(mutations, { seed, numRuns: 20 })
    for (const count of ['feffffffff', 'fe00001000', 'feffff0f00', 'fd00ff', 'ffffffffffffff1f00'])
      for (let at = 0; at < 4; at++) lists.push([{ kind: 'insert', at, bytes: Buffer.from(count, 'hex') }])
    const inputs = base.flatMap(bytes => lists.map(list => mutated(bytes, list)))
    for (const bytes of inputs) {
      const before = used()
      attempt(name, bytes)
      most = Math.max(most, used() - before)
    }
  }
  return most
}

/** The longest messages: the highest counts, and the fewest bytes for each counted thing. */
function long(): void {
  for (const name of names) {
    for (const count of ['fe00001000', 'fe00000800', 'fe55550500']) {
      for (const fill of [0, 1, 3]) {
        const bytes = Buffer.alloc(MAX_MESSAGE_BYTES, fill)
        bytes.set(Buffer.from(count, 'hex'))
        attempt(name, bytes)
      }
    }
  }
}

attempt('tick', Buffer.from([1]))
globalThis.gc!()
const began = process.resourceUsage().maxRSS * 1024
const most = short()
long()
const grown = process.resourceUsage().maxRSS * 1024 - began
process.stdout.write(JSON.stringify({ decoded, most, grown }))
