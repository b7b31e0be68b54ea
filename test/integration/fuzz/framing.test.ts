import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { Frames, readJSON } from '../../../src/lightning/backends/cln/frames.js'
import { SEED, bytes, mutated, mutations, pieces, runs } from '../../samples/mutation.js'
import { Children } from '../../world/children.js'

const TRANSCRIPTS = fileURLToPath(
  new URL('../../../../test/doubles/lightningd/cln-transcripts.jsonl', import.meta.url)
)
const answers = readFileSync(TRANSCRIPTS, 'utf8')
  .split('\n')
  .filter(line => line)
  .map((line, i) => {
    const { response, error } = JSON.parse(line) as { response?: unknown; error?: unknown }
    const body = error ? { error } : { result: response }
    return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: `bushel-${i}`, ...body }) + '\n\n')
  })

const LIMIT = 100_000
const sizes = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 8 })

interface Outcome {
  objects: string[]
  fault: string
}

/** The objects read from `input`, and how reading ends. */
function outcome(parts: Iterable<Buffer>, limit = LIMIT): Outcome {
  const frames = new Frames(limit)
  const objects: string[] = []
  try {
    for (const part of parts) {
      objects.push(...frames.push(part))
      assert.ok(frames.pending <= limit)
    }
    return { objects, fault: '' }
  } catch (error) {
    assert.ok(error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError))
    return { objects, fault: error.message }
  }
}

/** Where objects end, found byte by byte and without kept state: the slow reference. */
function plainly(input: Buffer): string[] {
  const objects: string[] = []
  let from = 0
  for (let to = 1; to <= input.byteLength; to++) {
    if (input[to - 1] !== 0x7d) continue
    const text = input.toString('latin1', from, to)
    const bare = text.replaceAll(/"(?:\\[^]|[^"\\])*"/g, '')
    if (bare.includes('"')) continue
    const depth = bare.replaceAll(/[^{]/g, '').length - bare.replaceAll(/[^}]/g, '').length
    if (depth !== 0) continue
    objects.push(input.toString('utf8', from, to).trimStart())
    from = to
  }
  return objects
}

test('an answer is split where its braces say, in pieces of any size', () => {
  const some = fc.array(fc.constantFrom(...answers), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(some, sizes, (list, sizes) => {
      const input = Buffer.concat(list)
      const whole = outcome([input])
      assert.deepEqual(whole, { objects: list.map(one => one.toString().trim()), fault: '' })
      assert.deepEqual(outcome(pieces(input, sizes)), whole)
    }),
    runs(60)
  )
  const odd = fc.string({ unit: fc.constantFrom('{', '}', '"', '\\', ' ', 'a', 'ä'), maxLength: 40 })
  fc.assert(
    fc.property(odd, sizes, (text, sizes) => {
      const input = Buffer.from(`{${text}`)
      const { objects, fault } = outcome(pieces(input, sizes))
      if (!fault) assert.deepEqual(objects, plainly(input))
    }),
    runs(2000)
  )
})

test('mutated answers and random bytes become objects or are refused, the same in pieces of any size', () => {
  const mutant = fc
    .tuple(fc.constantFrom(...answers), fc.constantFrom(...answers), mutations)
    .map(([one, other, list]) => mutated(one, list, other))
  fc.assert(
    fc.property(fc.oneof(mutant, bytes(400)), sizes, (input, sizes) => {
      const { objects, fault } = outcome(pieces(input, sizes))
      if (!fault) assert.deepEqual(outcome([input]), { objects, fault })
      for (const text of objects) {
        assert.ok(text.startsWith('{') && text.endsWith('}'))
        try {
          readJSON(text)
        } catch (error) {
          assert.ok(error instanceof SyntaxError, String(error))
        }
      }
    }),
    runs(1000)
  )
})

test('a JSON answer parses as by JSON.parse, except for long numbers', () => {
  const value = fc.jsonValue({ maxDepth: 4 })
  fc.assert(
    fc.property(value, value => {
      const text = JSON.stringify({ value })
      const long = (_key: string, one: unknown): unknown =>
        typeof one === 'number' && /^-?\d{16,}$/.test(JSON.stringify(one)) ? JSON.stringify(one) : one
      assert.deepEqual(readJSON(text), JSON.parse(text, long))
    }),
    runs(1000)
  )
})

test('an answer above the limit is refused in pieces of any size, and earlier objects are kept', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 50 }), sizes, (more, sizes) => {
      const input = Buffer.from(`{"a":"${'x'.repeat(200 + more - 8)}"}`)
      const { objects, fault } = outcome(pieces(Buffer.concat([Buffer.from('{}'), input]), sizes), 200)
      assert.equal(objects.length, more === 0 ? 2 : 1)
      assert.equal(fault, more === 0 ? '' : 'its answer has more than 200 bytes')
    }),
    runs(100)
  )
})

test(
  'an answer of 32 MiB in small pieces takes the memory of two and copies each byte a few times at most',
  { timeout: 60_000 },
  async t => {
    const children = await Children.open(t)
    const program = fileURLToPath(new URL('./large-answer.js', import.meta.url))
    const child = children.script(program, { flags: ['--max-old-space-size=96'] })
    const { code, signal } = await child.ended
    assert.equal(code, 0, `seed ${SEED}: ended with ${code ?? signal}: ${child.stderr}`)
    for (const { length, grown, copied } of JSON.parse(child.stdout) as Record<string, number>[]) {
      assert.ok(grown! < 160 << 20, `${grown} bytes for an answer of ${length}`)
      assert.ok(copied! < 4 * length!, `${copied} bytes copied for an answer of ${length}`)
    }
  }
)
