import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { decode, encode } from '../../../contracts/schema/codec.js'
import type { StructName } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { names, structOf } from '../../samples/arbitraries.js'
import { SEED, bytes, mutated, mutations, runs } from '../../samples/mutation.js'
import { Children } from '../../world/children.js'

const SPEC = fileURLToPath(new URL('../../../../contracts/spec/schema.json', import.meta.url))

function refusedOrCanonical(name: StructName, input: Buffer): void {
  let value: unknown
  try {
    value = decode(name, input)
  } catch (error) {
    assert.ok(error instanceof BushelError && error.code === 'MALFORMED', `${name}: ${String(error)}`)
    return
  }
  assert.deepEqual(encode(name, value as never), input, name)
}

test('the fuzz tests cover every struct of the codecs', () => {
  const { schema } = JSON.parse(readFileSync(SPEC, 'utf8')) as { schema: { name: string }[] }
  assert.deepEqual(names.toSorted(), schema.map(({ name }) => name).toSorted())
})

test('mutated encodings of every struct are malformed or canonical bytes of another value', () => {
  for (const name of names) {
    const pair = fc.tuple(structOf(name), structOf(name))
    fc.assert(
      fc.property(pair, fc.array(mutations, { minLength: 10, maxLength: 10 }), ([one, other], lists) => {
        const [from, into] = [encode(name, one as never), encode(name, other as never)]
        for (const list of lists) refusedOrCanonical(name, mutated(from, list, into))
      }),
      runs(25)
    )
  }
})

test('the encoding of one struct read as another is malformed or canonical', () => {
  const encodings = names.map(name => structOf(name).map(value => encode(name, value as never)))
  fc.assert(
    fc.property(fc.oneof(...encodings), mutations, (input, list) => {
      for (const name of names) {
        refusedOrCanonical(name, input)
        refusedOrCanonical(name, mutated(input, list))
      }
    }),
    runs(60)
  )
})

test('random bytes of any length are malformed or canonical', () => {
  for (const name of names) {
    fc.assert(
      fc.property(bytes(2000), input => refusedOrCanonical(name, input)),
      runs(15)
    )
  }
})

test('hostile bytes take bounded memory, and a short message takes little, whatever it claims', async t => {
  const children = await Children.open(t)
  const program = fileURLToPath(new URL('./decoding.js', import.meta.url))
  const flags = ['--max-old-space-size=160', '--expose-gc']
  const child = children.script(program, { flags, args: [String(SEED)] })
  const { code, signal } = await child.ended
  assert.equal(code, 0, `seed ${SEED}: ended with ${code ?? signal}: ${child.stdout} ${child.stderr}`)
  const { decoded, most, grown } = child.lines.at(-1) as { decoded: number; most: number; grown: number }
  assert.ok(decoded > 10_000, `${decoded} decoded`)
  assert.ok(most < 1 << 20, `${most} bytes for one short message, seed ${SEED}`)
  assert.ok(grown < 200 << 20, `${grown} bytes in all, seed ${SEED}`)
})
