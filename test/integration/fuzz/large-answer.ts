/**
 * A child process with little memory that reads one long answer in small pieces. Prints the memory used, as
 * JSON.
 */
import { Frames } from '../../../src/lightning/backends/cln/frames.js'

const text = Buffer.alloc(4096, 'x')
let copied = 0
const { copy } = Buffer.prototype
Buffer.prototype.copy = function (...given: Parameters<typeof copy>): number {
  const bytes = copy.apply(this, given)
  copied += bytes
  return bytes
}

/** Lengths of the pieces, repeated, and of the whole. */
const RUNS = [
  { sizes: Array.from({ length: 64 }, (_, i) => ((i * 37) % 64) + 1), length: 32 << 20 },
  { sizes: [1], length: 2 << 20 }
]

const outcomes: { length: number; grown: number; copied: number }[] = []
for (const { sizes, length } of RUNS) {
  copied = 0
  const began = process.memoryUsage.rss()
  let most = 0
  const frames = new Frames(length)
  frames.push(Buffer.from('{"a":"'))
  const end = length - 2
  for (let at = 6, n = 0; at < end; n++) {
    const size = Math.min(sizes[n % sizes.length]!, end - at)
    frames.push(text.subarray(0, size))
    at += size
    if (n % 100_000 === 0) most = Math.max(most, process.memoryUsage.rss() - began)
  }
  const [whole] = frames.push(Buffer.from('"}'))
  if (whole?.length !== length) throw new Error(`${whole?.length} characters of ${length}`)
  outcomes.push({ length, grown: most, copied })
}
process.stdout.write(JSON.stringify(outcomes))
